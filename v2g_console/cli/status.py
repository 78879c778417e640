"""`v2g-console status`: the running engine in a few lines."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options, examples


@click.command("status", short_help="The running engine: link, fleet, dispatches.", epilog=examples("v2g-console status"))
@engine_options
def command(config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Show engine, link, fleet and dispatches of the running engine."""
    from v2g_console.cli.engine import ask
    from v2g_console.cli.status_text import status_lines
    from v2g_console.contract.replies import Accepted, StatusView
    from v2g_console.contract.requests import Status

    def lines(reply: Accepted) -> list[str]:
        return status_lines(reply.result) if isinstance(reply.result, StatusView) else ["the engine sent no status"]

    return ask(config_path, socket_file, Status(), as_json, lines)
