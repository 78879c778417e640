"""`v2g-console stop`: STOP DISPATCH."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options


@click.command("stop", short_help="STOP: latched; every vehicle back to its baseline.")
@click.option("--reason", default="", metavar="TEXT", help="Kept in the record.")
@engine_options
def command(reason: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """STOP DISPATCH: release every vehicle and start no dispatch until `resume`."""
    from v2g_console.cli.engine import ask
    from v2g_console.cli.plain_text import counted
    from v2g_console.contract.replies import Accepted, StopView
    from v2g_console.contract.requests import Stop

    def lines(reply: Accepted) -> list[str]:
        if isinstance(reply.result, StopView):
            dispatches = counted(reply.result.dispatches, "dispatch", "dispatches")
            done = f"stopped: {dispatches}, {counted(reply.result.vehicles, 'vehicle')} to release"
        else:
            done = "stopped"
        return [f"{done}; `v2g-console resume` lifts it"]

    return ask(config_path, socket_file, Stop(reason=reason), as_json, lines)
