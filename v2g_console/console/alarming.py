"""What an operator does about alarms: acknowledge one or those on screen, put one on the shelf, take it back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from v2g_console.console.safe_text import line
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.screens.note import NoteDialog, Pick
from v2g_console.console.times import span_text
from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.requests import AckAlarm, ShelveAlarm, UnshelveAlarm
from v2g_console.domain.alarm_cycle import AlarmState
from v2g_console.domain.units import counted

if TYPE_CHECKING:
    from v2g_console.console.operating import OperatingApp

SHELF_S: Final = (600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
ANSWERABLE: Final = frozenset({AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED})
_NO: Final = Choice("stay", "n", "No, go back")


async def acknowledge(app: "OperatingApp", alarm: AlarmView) -> None:
    """Seen, being dealt with."""
    if await app.ask_engine(AckAlarm(alarm_id=alarm.alarm_id)) is not None:
        app.say(f"acknowledged: {alarm.text}")


async def acknowledge_visible(app: "OperatingApp", visible: Sequence[AlarmView]) -> None:
    """All that are on screen and wait for an answer, after a question that lists them; never one that was not seen."""
    waiting = [alarm for alarm in visible if alarm.state in ANSWERABLE]
    if not waiting:
        app.say("no alarm on screen waits for an answer")
        return
    rows = [line(f"{alarm.kind.replace('_', ' ')}: {alarm.text}"[:70]) for alarm in waiting[:12]]
    more = [line((f"and {len(waiting) - 12} more that are on screen", "$muted"))] if len(waiting) > 12 else []
    dialog = ChoiceDialog("Acknowledge what is on screen", [*rows, *more], _NO, [Choice("ack", "y", "Yes, acknowledge")])
    if await app.push_screen_wait(dialog) != "ack":
        return
    done = [alarm for alarm in waiting if await app.ask_engine(AckAlarm(alarm_id=alarm.alarm_id)) is not None]
    app.say(
        f"acknowledged {len(done)} of {counted(len(waiting), 'alarm', 'alarms')}", "information" if len(done) == len(waiting) else "warning"
    )


async def shelve(app: "OperatingApp", alarm: AlarmView) -> None:
    """Quiet for a time, with a reason; it comes back by itself."""
    engine = app.model.snapshot.engine if app.model.snapshot is not None else None
    longest_s = SHELF_S[-1] if engine is None else engine.longest_shelf_s
    spans = [span_s for span_s in SHELF_S if span_s <= longest_s] or [longest_s]
    about = [line((alarm.text, "bold")), line("It stays quiet for this time, and rings again if its cause lasts.")]
    noted = await app.push_screen_wait(NoteDialog("Shelve the alarm", about, [Pick("for", tuple(shelf_text(span_s) for span_s in spans))]))
    if noted is None:
        return
    for_s = spans[noted.picked[0]]
    if await app.ask_engine(ShelveAlarm(alarm_id=alarm.alarm_id, for_s=for_s, reason=noted.note)) is not None:
        app.say(f"shelved for {shelf_text(for_s)}: {alarm.text}", "warning")


def shelf_text(span_s: float) -> str:
    """`30 min`, `2 h`; a configured time that is no round one as it is."""
    minutes = span_s / 60
    if not minutes.is_integer():
        return span_text(span_s)
    return f"{minutes / 60:.0f} h" if minutes >= 60 and (minutes / 60).is_integer() else f"{minutes:.0f} min"


async def unshelve(app: "OperatingApp", alarm: AlarmView) -> None:
    """Back into the list at once."""
    if await app.ask_engine(UnshelveAlarm(alarm_id=alarm.alarm_id)) is not None:
        app.say(f"back from the shelf: {alarm.text}")
