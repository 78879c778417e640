"""Kinds of arguments, and options that several commands share."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Number(click.ParamType[float]):
    """A finite number within bounds (click's own lets NaN through)."""

    def __init__(self, metavar: str, lowest: float = -math.inf, highest: float = math.inf) -> None:
        self.name = metavar
        self._lowest, self._highest = lowest, highest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error that says what was expected."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number) and self._lowest <= number <= self._highest:
            return number
        return self.fail(f"expected {self._expected()}, got {str(value)[:40]!r}", param, ctx)

    def _expected(self) -> str:
        if math.isfinite(self._lowest) and math.isfinite(self._highest):
            return f"a number from {self._lowest:g} to {self._highest:g}"
        return f"a number of at least {self._lowest:g}" if math.isfinite(self._lowest) else "a number"


class Duration(click.ParamType[float]):
    """A time in seconds, written 90s, 5m or 1h30m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds above 0, or a usage error."""
        from v2g_console.domain.units import parse_duration_s

        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration_s(value)
        except ValueError:
            seconds = 0.0
        if not 0.0 < seconds < math.inf:
            self.fail(f"expected a duration such as 90s, 5m or 1h30m, got {value[:40]!r}", param, ctx)
        return seconds


class StartTime(click.ParamType[str]):
    """A start as RFC 3339 with its zone, written so, or as a time of day of this machine's clock."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The moment with its zone, or a usage error."""
        import time

        from v2g_console.domain.start_time import parse_start

        try:
            return parse_start(value, time.time()).isoformat()
        except ValueError as error:
            self.fail(str(error), param, ctx)


SHARE: Final = Number("share", 0.0, 1.0)
MILLISECONDS: Final = Number("ms", 0.0, 600_000.0)
KILOWATTS: Final = Number("kW")
COUNT: Final = click.IntRange(1, 2_000_000)
READABLE_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
OWN_PATH: Final = click.Path(dir_okay=False, path_type=Path)


def examples(*lines: str) -> str:
    """The end of a command's help: lines that can be typed as they are."""
    return "".join(("\b\n", "Examples:" if len(lines) > 1 else "Example:", *(f"\n  {line}" for line in lines)))


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator, shown in the order given."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


config_option: Final = click.option(
    "-c",
    "--config",
    "config_path",
    type=OWN_PATH,
    help="Configuration file. Default: ./config.yaml, the user's, /etc/v2g-console/config.yaml.",
)
json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
socket_option: Final = click.option(
    # Whether it may be used is found by connecting, which says whose it is.
    "--socket",
    "socket_file",
    type=click.Path(dir_okay=False, readable=False, path_type=Path),
    help="Socket of the running engine. Default: socket.path, or the usual places.",
)
engine_options: Final = together(config_option, socket_option, json_option)
drawing_options: Final = together(
    click.option("--theme", metavar="NAME", help="Colour theme."),
    click.option("--low-bandwidth", is_flag=True, help="At most one refresh a second, 16 colours."),
    click.option("--ascii", "ascii", is_flag=True, help="No box drawing and no arrows."),
)
look_options: Final = together(
    click.option("--read-only", is_flag=True, help="Look, but send nothing."),
    drawing_options,
    click.option("--plain", is_flag=True, help="Lines instead of a screen: for screen readers, logs and pipes. Type help."),
    click.option("--record", type=OWN_PATH, metavar="FILE", help="Record what is shown into a new file, for `replay`."),
)
screen_options: Final = together(
    click.option("--no-ui", is_flag=True, help="No screen: JSON Lines on standard output, logs on standard error."),
    click.option(
        "--commands",
        type=click.Path(exists=True, dir_okay=False, allow_dash=True),
        metavar="FILE|-",
        help="Carry out these JSON Lines requests, without a screen; - is standard input.",
    ),
    look_options,
)
