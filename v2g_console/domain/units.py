"""How quantities are written for people: one place for signs, arrows and rounding."""

import math
from collections.abc import Iterable


def power_text(power_kw: float) -> str:
    """`▲ 5.0 kW to grid`, `▼ 7.4 kW charging`, `0.0 kW`."""
    if power_kw > 0.05:
        return f"▲ {power_kw:.1f} kW to grid"
    if power_kw < -0.05:
        return f"▼ {-power_kw:.1f} kW charging"
    return "0.0 kW"


def regulation_text(power_kw: float) -> str:
    """`▲ 1 500 kW` for up-regulation, `▼ 300 kW` for down-regulation; thousands are set apart by a space."""
    arrow = "▲" if power_kw >= 0 else "▼"
    return f"{arrow} {grouped(abs(power_kw))} kW"


def both_ways_text(powers_kw: Iterable[float]) -> str:
    """`▲ 400 kW, ▼ 250 kW`: what is asked for in each direction, never set off against each other."""
    powers_kw = list(powers_kw)
    up_kw, down_kw = sum(kw for kw in powers_kw if kw > 0), sum(kw for kw in powers_kw if kw < 0)
    return ", ".join(regulation_text(kw) for kw in (up_kw, down_kw) if kw) or "0 kW"


def grouped(number: float, digits: int = 0) -> str:
    """A number with thousands set apart by a space: `12 345`, `1 204.5`."""
    return f"{number:,.{digits}f}".replace(",", " ")


def counted(number: int, one: str, many: str) -> str:
    """The number with its noun: `1 dispatch`, `1 204 vehicles`."""
    return f"{grouped(number)} {one if number == 1 else many}"


def duration_text(seconds: float) -> str:
    """`04:12`, `1:04:12`; negative counts as zero."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes:02d}:{secs:02d}"


def typed_duration(seconds: float) -> str:
    """As one types it: `8h`, `1h30m`, `90s` as `1m30s`, `0.5s`; for limits in messages."""
    if not math.isfinite(seconds) or seconds < 1:
        return f"{seconds:g}s"
    hours, rest = divmod(seconds, 3600)
    minutes, secs = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (secs, "s"))
    return "".join(f"{number:g}{unit}" for number, unit in parts if number)


def parse_duration_s(text: str) -> float:
    """Seconds in `30`, `30s`, `5m`, `1h30m`, `1h`; raises ValueError with what is accepted."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    rest, total, number, seen = text.strip().lower(), 0.0, "", False
    for char in rest:
        if char in units and number:
            total, number, seen = total + float(number) * units[char], "", True
        elif char.isdecimal() or char == ".":
            number += char
        else:
            raise ValueError(f"{text!r} is not a duration: write 30s, 5m or 1h30m")
    if number:
        total, seen = total + float(number), True
    if not seen:
        raise ValueError(f"{text!r} is not a duration: write 30s, 5m or 1h30m")
    return total
