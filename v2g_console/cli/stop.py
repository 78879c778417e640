"""`v2g-console stop`: STOP DISPATCH."""

from pathlib import Path

import click

from v2g_console.cli.parameters import Duration, engine_options, examples


@click.command(
    "stop",
    short_help="STOP: latched; every vehicle back to its baseline.",
    epilog=examples('v2g-console stop --wait --reason "smoke in hall 3"', "v2g-console stop --list"),
)
@click.option("--reason", default="", metavar="TEXT", help="Kept in the record.")
@click.option("--wait", is_flag=True, help="Wait for the vehicles; list who is silent, with the next manual step. Exit code 4 then.")
@click.option("--timeout", "timeout_s", type=Duration(), default="60s", show_default=True, help="--wait: no longer than this.")
@click.option("--list", "only_list", is_flag=True, help="Stop nothing; only list who is silent.")
@engine_options
def command(
    *,
    reason: str,
    wait: bool,
    timeout_s: float,
    only_list: bool,
    config_path: Path | None,
    socket_file: Path | None,
    as_json: bool,
) -> int:
    """STOP DISPATCH: release every vehicle and start no dispatch until `resume`."""
    if only_list and (wait or reason):
        raise click.UsageError("--list stops nothing, so there is nothing to give a --reason for or to --wait for")
    from v2g_console.cli.stop_talk import list_silent, stop, stop_and_wait

    if only_list:
        return list_silent(config_path, socket_file, as_json)
    if wait:
        return stop_and_wait(config_path, socket_file, reason, timeout_s, as_json)
    return stop(config_path, socket_file, reason, as_json)
