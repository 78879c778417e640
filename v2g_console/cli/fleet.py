"""`v2g-console fleet`: the vehicles the running engine knows."""

from pathlib import Path

import click

from v2g_console.cli.parameters import COUNT, engine_options


@click.group("fleet", short_help="The vehicles: ls, show.")
def command() -> None:
    """The vehicles that the running engine knows."""


@command.command("ls")
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


@command.command("show")
@click.argument("vehicle_id")
@engine_options
def show_vehicle(vehicle_id: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Show all that is known of one vehicle."""
    from v2g_console.cli.engine import ask
    from v2g_console.cli.fleet_text import vehicle_lines
    from v2g_console.contract.replies import Accepted, VehicleView
    from v2g_console.contract.requests import Fleet
    from v2g_console.domain.ids import is_vehicle_id

    if not is_vehicle_id(vehicle_id):
        raise click.UsageError("VEHICLE_ID: expected 1 to 64 letters, digits or . _ : -, starting with a letter or digit")

    def lines(reply: Accepted) -> list[str]:
        return vehicle_lines(reply.result) if isinstance(reply.result, VehicleView) else ["the engine sent no vehicle"]

    return ask(config_path, socket_file, Fleet(vehicle_id=vehicle_id), as_json, lines)
