"""`v2g-console approvals`: what waits for a second person."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options, examples


@click.command("approvals", short_help="Requests that wait for a second person.", epilog=examples("v2g-console approvals"))
@engine_options
def command(config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """List the requests above the four-eyes limit that wait for a supervisor other than who asked."""
    from v2g_console.cli.approvals_text import approval_table
    from v2g_console.cli.engine import ask
    from v2g_console.contract.replies import Accepted, StatusView
    from v2g_console.contract.requests import Status

    def lines(reply: Accepted) -> list[str]:
        return approval_table(reply.result.approvals) if isinstance(reply.result, StatusView) else ["the engine sent no status"]

    return ask(config_path, socket_file, Status(), as_json, lines)
