"""`v2g-console handover`: what the next shift must know."""

from pathlib import Path

import click

from v2g_console.cli.parameters import Duration, engine_options, examples


@click.command("handover", short_help="What the next shift must know.", epilog=examples("v2g-console handover --since 12h > handover.md"))
@click.option("--since", "since_s", type=Duration(), default="8h", show_default=True, help="How far back: 8h, 30m.")
@click.option("--format", "form", type=click.Choice(["markdown", "text"]), default="markdown", show_default=True, help="How it is written.")
@engine_options
def command(since_s: float, form: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Print open dispatches, alarms, shelved ones, tags, overrides and notes, as Markdown, plain text or (--json) JSON.

    Keep it in a file: v2g-console handover > handover.md
    """
    from v2g_console.cli.engine import ask
    from v2g_console.contract.handover import HandoverView
    from v2g_console.contract.handover_text import handover_lines, text_lines
    from v2g_console.contract.replies import Accepted
    from v2g_console.contract.requests import Handover

    def lines(reply: Accepted) -> list[str]:
        if not isinstance(reply.result, HandoverView):
            return ["the engine sent no report"]
        return (text_lines if form == "text" else handover_lines)(reply.result)

    return ask(config_path, socket_file, Handover(since_s=since_s), as_json, lines)
