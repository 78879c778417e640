"""`v2g-console note`: something for the others to read."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options, examples


@click.command(
    "note", short_help="Write something down for the next shift.", epilog=examples('v2g-console note "transformer at lyon-2 is warm"')
)
@click.argument("text")
@engine_options
def command(text: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Write TEXT into the journal; `handover` shows it to the next shift."""
    from v2g_console.cli.engine import ask
    from v2g_console.contract.requests import Note

    return ask(config_path, socket_file, Note(text=text), as_json, lambda _: ["noted"])
