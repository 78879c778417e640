"""`v2g-console fleet`: the vehicles the running engine knows."""

from pathlib import Path
from typing import TextIO

import click

from v2g_console.cli.parameters import COUNT, config_option, engine_options, examples, socket_option

_EVERY_VEHICLE = 2_000_000


@click.group("fleet", short_help="The vehicles: ls, show, export, reset.")
def command() -> None:
    """The vehicles that the running engine knows."""


@command.command("ls", epilog=examples("v2g-console fleet ls --site lyon-2"))
@click.option("--site", metavar="NAME", help="Only this site.")
@click.option("--segment", metavar="NAME", help="Only this segment.")
@click.option("--limit", type=COUNT, default=1000, show_default=True, help="At most so many.")
@engine_options
def list_vehicles(
    *, site: str | None, segment: str | None, limit: int, config_path: Path | None, socket_file: Path | None, as_json: bool
) -> int:
    """List vehicles, one a line."""
    from v2g_console.cli.engine import ask
    from v2g_console.cli.fleet_text import fleet_lines
    from v2g_console.contract.replies import Accepted, FleetPage
    from v2g_console.contract.requests import Fleet

    def lines(reply: Accepted) -> list[str]:
        return fleet_lines(reply.result) if isinstance(reply.result, FleetPage) else ["the engine sent no vehicles"]

    return ask(config_path, socket_file, Fleet(site=site, segment=segment, limit=limit), as_json, lines)


@command.command("show", epilog=examples("v2g-console fleet show veh000123"))
@click.argument("vehicle_id")
@engine_options
def show_vehicle(vehicle_id: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Show all that is known of one vehicle."""
    from v2g_console.cli.engine import ask
    from v2g_console.cli.fleet_text import vehicle_lines
    from v2g_console.contract.replies import Accepted, VehicleView
    from v2g_console.contract.requests import Fleet

    _check_vehicle_id(vehicle_id)

    def lines(reply: Accepted) -> list[str]:
        return vehicle_lines(reply.result) if isinstance(reply.result, VehicleView) else ["the engine sent no vehicle"]

    return ask(config_path, socket_file, Fleet(vehicle_id=vehicle_id), as_json, lines)


@command.command("export", short_help="Every vehicle as CSV or JSON Lines.", epilog=examples("v2g-console fleet export --csv -o fleet.csv"))
@click.option("--csv", "form", flag_value="csv", default="csv", help="A row a vehicle, with a header. The default.")
@click.option("--json", "form", flag_value="json", help="A JSON object a line.")
@click.option("--site", metavar="NAME", help="Only this site.")
@click.option("--segment", metavar="NAME", help="Only this segment.")
@click.option("-o", "--output", type=click.File("w", encoding="utf-8", lazy=True), default="-", help="Default: standard output.")
@config_option
@socket_option
def export_vehicles(
    *, form: str, site: str | None, segment: str | None, output: TextIO, config_path: Path | None, socket_file: Path | None
) -> int:
    """Write every vehicle, with what was asked of it (participation, reversals, throughput) and its failures."""
    from v2g_console.cli.engine import caller, refused, talk_to_engine
    from v2g_console.cli.fleet_export import csv_lines, json_lines
    from v2g_console.config.load import load_for_client
    from v2g_console.contract.exit_codes import ExitCode
    from v2g_console.contract.port import EnginePort
    from v2g_console.contract.replies import FleetPage, Refused
    from v2g_console.contract.requests import Fleet

    async def talk(engine: EnginePort) -> int:
        reply = await engine.request(Fleet(site=site, segment=segment, limit=_EVERY_VEHICLE), caller())
        if isinstance(reply, Refused):
            return refused(reply, as_json=False)
        if not isinstance(reply.result, FleetPage):
            click.echo("the engine sent no vehicles", err=True)
            return ExitCode.FAILED
        for line in (csv_lines if form == "csv" else json_lines)(reply.result.rows):
            output.write(line)
        return ExitCode.DONE

    return talk_to_engine(load_for_client(config_path), socket_file, talk)


@command.command("reset", short_help="Trust vehicles on hold again.", epilog=examples("v2g-console fleet reset veh000123"))
@click.argument("vehicle_id", required=False)
@engine_options
def reset_trust(vehicle_id: str | None, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Forget the failures of a vehicle, so that it is no longer on hold; of all vehicles without VEHICLE_ID."""
    from v2g_console.cli.engine import ask
    from v2g_console.contract.requests import ResetTrust

    if vehicle_id is not None:
        _check_vehicle_id(vehicle_id)
    done = f"{vehicle_id} is trusted again: its failures are forgotten" if vehicle_id else "all vehicles are trusted again"
    return ask(config_path, socket_file, ResetTrust(vehicle_id=vehicle_id), as_json, lambda _reply: [done])


def _check_vehicle_id(vehicle_id: str) -> None:
    from v2g_console.domain.ids import is_vehicle_id

    if not is_vehicle_id(vehicle_id):
        raise click.UsageError("VEHICLE_ID: expected 1 to 64 letters, digits or . _ : -, starting with a letter or digit")
