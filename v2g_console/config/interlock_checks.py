"""Rules between the interlocks and other keys: limits that can never be reached, or that never let anything pass."""

from collections.abc import Iterator

from v2g_console.config.finding import Finding
from v2g_console.config.settings import Settings


def interlock_doubts(settings: Settings) -> Iterator[Finding]:
    """What can be used but is hardly what was meant."""
    limits, dispatch = settings.interlocks, settings.dispatch
    for name in ("total_up_kw", "total_down_kw"):
        total_kw = getattr(limits, name)
        if 0 < total_kw < dispatch.max_power_kw:
            yield Finding(
                f"interlocks.{name}",
                f"less than dispatch.max_power_kw ({dispatch.max_power_kw:g}): one dispatch alone is refused above {total_kw:g} kW",
                ("dispatch.max_power_kw",),
            )
    change_kw, ramp = limits.change_kw_per_min, dispatch.ramp_kw_per_s
    if 0 < change_kw < ramp * 60:
        yield Finding(
            "interlocks.change_kw_per_min",
            f"slower than dispatch.ramp_kw_per_s ({ramp:g} kW/s is {ramp * 60:g} kW a minute): targets are reached late",
            ("dispatch.ramp_kw_per_s",),
        )
    if 0 < limits.requests_per_minute < 4:
        yield Finding(
            "interlocks.requests_per_minute",
            f"arming and sending are two requests, so {limits.requests_per_minute} is hardly one dispatch a minute: write 4 or more",
        )
