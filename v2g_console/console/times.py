"""How times and ages are written."""

from datetime import UTC, datetime

from v2g_console.domain.units import duration_text


def clock_of(utc_ms: int) -> str:
    """The time of day in UTC: `14:02:07Z`."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%H:%M:%SZ")


def date_and_clock(utc_ms: int) -> str:
    """Day and time in UTC: `2026-11-23 14:02:07Z`."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def span_text(seconds: float) -> str:
    """A long time in two units: `3 h 12 m`, `2 d 4 h`, `12 s`."""
    whole = max(0, int(seconds))
    for unit_s, name, part_s, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= unit_s:
            return f"{whole // unit_s} {name} {whole % unit_s // part_s} {part}"
    return f"{whole} s"


def left_text(remaining_s: float | None) -> str:
    """`04:12 left`, "" if there is no end."""
    return "" if remaining_s is None else f"{duration_text(remaining_s)} left"


def latency_text(latency_ms: float | None) -> str:
    """`41 ms`, `1.2 s`, `-` without a measurement."""
    if latency_ms is None:
        return "-"
    return f"{latency_ms:.0f} ms" if latency_ms < 1000 else f"{latency_ms / 1000:.1f} s"
