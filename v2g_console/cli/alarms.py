"""`v2g-console alarms`: list, acknowledge, shelve."""

from pathlib import Path

import click

from v2g_console.cli.parameters import Duration, engine_options, examples


@click.group("alarms", short_help="Alarms: ls, ack, shelve, unshelve.")
def command() -> None:
    """Alarms of the running engine."""


@command.command("ls", short_help="List what is active, unanswered or shelved.", epilog=examples("v2g-console alarms ls"))
@engine_options
def list_alarms(config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """List alarms: active ones first, then unanswered ones, then shelved ones; and how often they come."""
    from v2g_console.cli.alarms_text import alarm_lines
    from v2g_console.cli.engine import ask
    from v2g_console.contract.replies import Accepted, StatusView
    from v2g_console.contract.requests import Status

    def lines(reply: Accepted) -> list[str]:
        return alarm_lines(reply.result) if isinstance(reply.result, StatusView) else ["the engine sent no status"]

    return ask(config_path, socket_file, Status(), as_json, lines)


@command.command("ack", short_help="Acknowledge an alarm.", epilog=examples("v2g-console alarms ack link_lost"))
@click.argument("alarm_id")
@engine_options
def acknowledge(alarm_id: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Acknowledge ALARM_ID (see `alarms ls`): seen, being dealt with."""
    from v2g_console.cli.engine import ask
    from v2g_console.contract.requests import AckAlarm

    return ask(config_path, socket_file, AckAlarm(alarm_id=alarm_id), as_json, lambda _: ["acknowledged"])


@command.command(
    "shelve",
    short_help="Keep an alarm quiet for a time.",
    epilog=examples('v2g-console alarms shelve broker_untuned --for 2h --reason "known, mended tomorrow"'),
)
@click.argument("alarm_id")
@click.option("--for", "for_s", type=Duration(), required=True, help="How long: 30m, 2h. It comes back by itself.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; the handover report shows it.")
@engine_options
def shelve(alarm_id: str, for_s: float, reason: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Shelve ALARM_ID. Critical alarms can't be shelved."""
    from v2g_console.cli.engine import ask
    from v2g_console.contract.requests import ShelveAlarm

    return ask(config_path, socket_file, ShelveAlarm(alarm_id=alarm_id, for_s=for_s, reason=reason), as_json, lambda _: ["shelved"])


@command.command("unshelve", short_help="Take an alarm back from the shelf.", epilog=examples("v2g-console alarms unshelve broker_untuned"))
@click.argument("alarm_id")
@engine_options
def unshelve(alarm_id: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Take ALARM_ID back; it rings again if its cause lasts."""
    from v2g_console.cli.engine import ask
    from v2g_console.contract.requests import UnshelveAlarm

    return ask(config_path, socket_file, UnshelveAlarm(alarm_id=alarm_id), as_json, lambda _: ["back from the shelf"])
