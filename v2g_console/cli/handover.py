"""`v2g-console handover`: what the next shift must know."""

from pathlib import Path

import click

from v2g_console.cli.parameters import Duration, engine_options, examples


@click.command("handover", short_help="What the next shift must know.", epilog=examples("v2g-console handover --since 12h > handover.md"))
@click.option("--since", "since_s", type=Duration(), default="8h", show_default=True, help="How far back: 8h, 30m.")
@engine_options
def command(since_s: float, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Print open dispatches, alarms, shelved ones, tags, overrides and notes, as Markdown (or with --json).

    Keep it in a file: v2g-console handover > handover.md
    """
    from v2g_console.cli.engine import ask
    from v2g_console.contract.handover import HandoverView
    from v2g_console.contract.handover_text import handover_lines
    from v2g_console.contract.replies import Accepted
    from v2g_console.contract.requests import Handover

    def lines(reply: Accepted) -> list[str]:
        return handover_lines(reply.result) if isinstance(reply.result, HandoverView) else ["the engine sent no report"]

    return ask(config_path, socket_file, Handover(since_s=since_s), as_json, lines)
