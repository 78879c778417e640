"""`v2g-console resume`: lift the STOP latch."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options, examples


@click.command("resume", short_help="Lift STOP. Restarts nothing.", epilog=examples("v2g-console resume"))
@engine_options
def command(config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Lift the STOP latch: dispatches may start again, and none does by itself."""
    from v2g_console.cli.engine import ask
    from v2g_console.contract.requests import Resume

    return ask(config_path, socket_file, Resume(), as_json, lambda _reply: ["resumed: dispatches may start again"])
