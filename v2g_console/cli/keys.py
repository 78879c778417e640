"""`v2g-console keys`: which key does what, and which keys may never arrive."""

import os
from pathlib import Path

import click

from v2g_console.cli.parameters import config_option, examples
from v2g_console.contract.exit_codes import ExitCode


@click.group("keys", short_help="Which key does what; which keys clash.")
def command() -> None:
    """The keys of the console, with those of the configuration (console.keys)."""


@command.command("ls", short_help="Every action with its keys.", epilog=examples("v2g-console keys ls"))
@config_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def ls(config_path: Path | None, as_json: bool) -> int:
    """List every action with its keys and where they work; * marks keys of the configuration."""
    import msgspec

    from v2g_console.cli.plain_text import columns
    from v2g_console.config.load import load_for_client
    from v2g_console.console.actions import ACTIONS
    from v2g_console.console.keys import NO_KEY, key_text, named_keys

    changed = named_keys(load_for_client(config_path).console.keys)
    if as_json:
        rows = [
            {"action": a.id, "keys": list(changed.get(a.id, a.keys)), "where": a.scope.value, "title": a.title, "changed": a.id in changed}
            for a in ACTIONS
        ]
        click.echo(msgspec.json.encode(rows).decode())
        return ExitCode.DONE
    table = [("ACTION", "KEYS", "WHERE", "WHAT")]
    for action in ACTIONS:
        keys = "  ".join(map(key_text, changed.get(action.id, action.keys))) or NO_KEY
        table.append((action.id, f"{keys}{' *' if action.id in changed else ''}", action.scope.value, action.title))
    click.echo("\n".join(columns(table)))
    return ExitCode.DONE


@command.command("check", short_help="Clashes with each other, tmux, screen and terminals.", epilog=examples("v2g-console keys check"))
@config_option
@click.option("--all", "everywhere", is_flag=True, help="Also what programs that don't run here would take.")
def check(config_path: Path | None, everywhere: bool) -> int:
    """Say which keys can't be used, and which may never arrive in this terminal. Ends with 2 if the configured keys can't be used."""
    from v2g_console.config.load import load_for_client
    from v2g_console.console.keys import named_keys
    from v2g_console.console.keys_checks import key_findings
    from v2g_console.console.keys_clashes import ALWAYS_POSSIBLE, ESC_ADVICE, clashes, takers_here

    entries = load_for_client(config_path).console.keys
    wrong = key_findings(entries)
    for one in wrong:
        click.echo(f"console.keys[{one.entry}]: {one.message}", err=True)
    if wrong:
        return ExitCode.USAGE
    here = takers_here(os.environ, _tmux_prefix())
    found = clashes(named_keys(entries), here)
    for clash in found:
        click.echo(clash.words)
    if everywhere:
        for clash in clashes(named_keys(entries), ALWAYS_POSSIBLE):
            click.echo(clash.words)
    for advice in ESC_ADVICE:
        click.echo(advice)
    names = ", ".join(taker.name for taker in here) or "no multiplexer"
    click.echo(f"looked at: {names}; {len(found)} keys may not arrive here" + ("" if everywhere else " (--all: other terminals too)"))
    return ExitCode.DONE


def _tmux_prefix() -> str:
    """tmux's own word for its prefix; "" if it does not say."""
    import shutil
    import subprocess

    tmux = shutil.which("tmux")
    if not os.environ.get("TMUX") or tmux is None:
        return ""
    try:
        told = subprocess.run([tmux, "show-options", "-gv", "prefix"], capture_output=True, text=True, timeout=2, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout
