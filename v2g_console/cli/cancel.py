"""`v2g-console cancel`: end one dispatch, or take back a request that waits for approval."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options, examples


@click.command(
    "cancel",
    short_help="End a dispatch now, or take back your request that waits for approval.",
    epilog=examples("v2g-console cancel 7f3a"),
)
@click.argument("dispatch_id", metavar="ID")
@engine_options
def command(dispatch_id: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """End the dispatch ID now and release its vehicles; ID may be its beginning, such as 7f3a, or that of a request of yours that waits."""
    from v2g_console.cli.engine import ask
    from v2g_console.contract.cancelled_text import cancelled_words
    from v2g_console.contract.replies import Accepted
    from v2g_console.contract.requests import Cancel
    from v2g_console.contract.snapshot import DispatchView

    def lines(reply: Accepted) -> list[str]:
        if isinstance(reply.result, DispatchView):
            return [f"{reply.result.short_id} {reply.result.signal} {cancelled_words(reply.result)}"]
        return [f"{dispatch_id} taken back"]

    return ask(config_path, socket_file, Cancel(dispatch_id=dispatch_id), as_json, lines)
