"""`v2g-console forecast`: what the fleet can probably do in the hours to come."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options, examples


@click.command("forecast", short_help="Vehicles and headroom of the next day, hour by hour.", epilog=examples("v2g-console forecast"))
@engine_options
def command(config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Print how many vehicles are to be expected and what they could do for a quarter of an hour, now and at each full hour (UTC).

    P50 is reached as often as not, P90 nine times out of ten.
    """
    from v2g_console.cli.engine import ask
    from v2g_console.cli.forecast_text import forecast_lines
    from v2g_console.contract.forecast import ForecastView
    from v2g_console.contract.replies import Accepted
    from v2g_console.contract.requests import Forecast

    def lines(reply: Accepted) -> list[str]:
        return forecast_lines(reply.result) if isinstance(reply.result, ForecastView) else ["the engine sent no forecast"]

    return ask(config_path, socket_file, Forecast(), as_json, lines)
