"""A dispatch that waits for its start, in words: the same on screens and in reports."""

from datetime import UTC, datetime

from v2g_console.contract.snapshot import DispatchView
from v2g_console.domain.units import duration_text


def starts_text(view: DispatchView) -> str:
    """`starts in 04:12` before its start, when nothing is asked of vehicles and nothing is missing; "" from then on.

    Without the time that is left (an older recording) it is the time of day: `starts 14:02:07Z`.
    """
    if view.starts_in_s is not None:
        return f"starts in {duration_text(view.starts_in_s)}"
    return "" if view.due_ms is None else f"starts {datetime.fromtimestamp(view.due_ms / 1000, UTC):%H:%M:%SZ}"
