"""`v2g-console ecowatt`: the grid-stress forecast, fed by a script; its proposals, listed and dismissed."""

from pathlib import Path
from typing import IO

import click

from v2g_console.cli.parameters import engine_options, examples


@click.group("ecowatt", short_help="EcoWatt's forecast and proposals: feed, ls, dismiss.")
def command() -> None:
    """EcoWatt: red hours make a proposal, which never sends anything. It is accepted by a dispatch with its reference, see `ecowatt ls`."""


@command.command("feed", short_help="Give the engine a new forecast.", epilog=examples("v2g-console ecowatt feed signals.json"))
@click.argument("file", type=click.File("rb"))
@engine_options
def feed(file: IO[bytes], config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Give the engine the forecast in FILE (- for standard input): the publisher's JSON as it is, `{"signals": [...]}`. Days that it does
    not name stay as they are."""
    import msgspec

    from v2g_console.cli.ecowatt_text import ecowatt_lines
    from v2g_console.cli.engine import ask
    from v2g_console.contract.ecowatt import LARGEST_FILE_BYTES, EcowattFile
    from v2g_console.contract.requests import EcowattFeed

    content = file.read(LARGEST_FILE_BYTES + 1)
    if len(content) > LARGEST_FILE_BYTES:
        raise click.UsageError(f"{file.name} has more than {LARGEST_FILE_BYTES} bytes: that is no forecast")
    try:
        signals = msgspec.json.decode(content, type=EcowattFile).signals
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise click.UsageError(f"{file.name} is no EcoWatt forecast: {error}") from None
    return ask(config_path, socket_file, EcowattFeed(signals=signals), as_json, ecowatt_lines)


@command.command("ls", short_help="The forecast, and what it proposes.", epilog=examples("v2g-console ecowatt ls"))
@engine_options
def list_proposals(config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Print the forecast hour by hour, its proposals, and the command that accepts each."""
    from v2g_console.cli.ecowatt_text import ecowatt_lines
    from v2g_console.cli.engine import ask
    from v2g_console.contract.requests import Ecowatt

    return ask(config_path, socket_file, Ecowatt(), as_json, ecowatt_lines)


@command.command(
    "dismiss", short_help="Do nothing about a proposal.", epilog=examples('v2g-console ecowatt dismiss e112317-3 --reason "fleet is away"')
)
@click.argument("proposal_id")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the record.")
@engine_options
def dismiss(proposal_id: str, reason: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Dismiss the proposal PROPOSAL_ID (see `ecowatt ls`)."""
    from v2g_console.cli.ecowatt_text import ecowatt_lines
    from v2g_console.cli.engine import ask
    from v2g_console.contract.requests import EcowattDismiss

    return ask(config_path, socket_file, EcowattDismiss(proposal_id=proposal_id, reason=reason), as_json, ecowatt_lines)
