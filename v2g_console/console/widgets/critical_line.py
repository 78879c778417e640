"""What no screen may hide, however small it is: the link, how many dispatches run, alarms, STOP, and whether one may act."""

from typing import Final

from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.link_text import LINK_STYLE, link_dot
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import Part, line
from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.link import LinkState
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.alarm_cycle import AlarmState

_SHORT: Final = {
    LinkState.UP: "up",
    LinkState.SUSPECT: "susp",
    LinkState.CONNECTING: "conn",
    LinkState.DOWN: "down",
    LinkState.CLOSED: "shut",
}


def alarm_counts(alarms: tuple[AlarmView, ...]) -> tuple[int, int, int]:
    """Active alarms of high, middle and low priority, without the shelved ones."""
    active = [alarm.priority for alarm in alarms if alarm.active and alarm.state is not AlarmState.SHELVED]
    return active.count(1), active.count(2), sum(priority > 2 for priority in active)


def gone_count(alarms: tuple[AlarmView, ...]) -> int:
    """Alarms that are over and that nobody has answered."""
    return sum(alarm.state is AlarmState.RETURNED for alarm in alarms)


def critical_line(snapshot: Snapshot, model: ConsoleModel, glyphs: Glyphs, width_cells: int) -> Content:
    """`● up 2d 3H■ 2M▲ 2L STOP`, in the longest form that fits; the shortest one has at most 15 cells with one-digit counts.

    Alarms below the worst that there are go first; link, dispatches, the worst alarms and STOP never do.
    """
    late = model.contact().late
    shown = line("")
    for spaced, least in ((True, 3), (False, 3), (False, 2), (False, 1)):
        shown = _drawn(snapshot, model, glyphs, late, spaced, least)
        if shown.cell_length <= width_cells:
            break
    return shown


def _drawn(snapshot: Snapshot, model: ConsoleModel, glyphs: Glyphs, late: bool, spaced: bool, least: int) -> Content:
    """`least`: the lowest priority of alarms that is shown besides worse ones."""
    gap = " " if spaced else ""
    link = snapshot.link
    style = "$muted" if late else LINK_STYLE[link.state]
    parts: list[Part] = [(f"{link_dot(link.state, glyphs)}{gap}{_SHORT[link.state]}{'~' if late else ''}", style)]
    parts.append((f" {len(model.active_dispatches())}d ", "bold"))
    high, middle, low = alarm_counts(snapshot.alarms)
    if high:
        parts.append((f"{high}H{glyphs.critical if spaced else ''}{gap}", "bold $critical"))
    if middle and (least >= 2 or not high):
        parts.append((f"{middle}M{glyphs.warn if spaced else ''}{gap}", "bold $warning"))
    if low and (least >= 3 or not high + middle):
        parts.append(f"{low}L{gap}")
    if not high + middle + low:
        gone = gone_count(snapshot.alarms)
        parts.append((f"{gone}gone" if spaced else f"{gone}g", "bold") if gone else ("al 0" if spaced else "0a", "$muted"))
    if snapshot.engine.stopped:
        parts.append(("STOP", "bold reverse $critical"))
    elif model.replay is not None:
        parts.append(("RP", "bold reverse"))
    elif model.view_lock.locked:
        parts.append(("LK", "bold reverse"))
    elif snapshot.engine.read_only or "stop" in snapshot.engine.denied:
        parts.append(("RO", "bold reverse"))
    return line(*parts)
