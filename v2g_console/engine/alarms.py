"""Alarms: something that needs an operator's response. One per kind and cause; its life is `domain.alarm_cycle`, told and recorded here."""

import math
from dataclasses import dataclass, field
from typing import Final

from v2g_console.contract.alarms import LONGEST_REASON_CHARS, AlarmRates, AlarmView, ShelvedAlarm
from v2g_console.contract.events import AlarmAcknowledged, AlarmChanged, AlarmCleared, AlarmRaised, AlarmShelved, AlarmUnshelved
from v2g_console.contract.replies import Refusal
from v2g_console.domain.alarm_cycle import AlarmCycle, AlarmState, Delays, Happened
from v2g_console.domain.alarm_kinds import ALARM_KINDS
from v2g_console.domain.text import visible
from v2g_console.domain.units import typed_duration
from v2g_console.engine.alarm_rates import AlarmRateMeter
from v2g_console.engine.core import Core
from v2g_console.engine.refusal import RefusalError

CLEARED_KEPT = 50
FORGOTTEN_AFTER_S = 600.0

UNSHELVABLE_PRIORITY: Final = 1
TOLD_AGAIN_S: Final = 5.0
"""How often a changed text is told to those who read events; the list always has it as it is now."""


@dataclass(slots=True)
class Alarm:
    """One alarm group. Times in UTC ms, `active_at_s` monotonic."""

    alarm_id: str
    kind: str
    cycle: AlarmCycle
    dispatch_id: str = ""
    text: str = ""
    raised_ms: int = 0
    active_at_s: float = 0.0
    told: str = ""  # the text as it was told last, at `told_at_s`
    told_at_s: float = 0.0
    cleared_ms: int | None = None
    acknowledged_by: str = ""
    acknowledged_ms: int | None = None
    shelved: ShelvedAlarm | None = field(default=None)

    @property
    def priority(self) -> int:
        """1 critical .. 3 low."""
        return ALARM_KINDS[self.kind].priority


class Alarms:
    """The alarms of one engine: active, unanswered and shelved ones."""

    def __init__(self, core: Core, shelved: tuple[ShelvedAlarm, ...] = ()) -> None:
        self._core = core
        self._settings = core.settings.alarms
        self._delays = {one.kind: Delays(one.on_s, one.off_s) for one in self._settings.delays}
        self._meter = AlarmRateMeter(self._settings.flood_per_10_min)
        self._alarms: dict[str, Alarm] = {}
        for one in shelved:
            self._restore(one)

    def set(self, kind: str, cause: str, active: bool, text: str, dispatch_id: str = "") -> None:
        """Say whether an alarm's condition holds now. `cause` tells alarms of one kind apart ("" for the only one).

        `dispatch_id`: whole, of the dispatch it is about.
        """
        alarm_id = _id_of(kind, cause)
        alarm = self._alarms.get(alarm_id)
        if alarm is None:
            if not active:
                return
            alarm = self._alarms[alarm_id] = self._new(alarm_id, kind, dispatch_id)
        if active:
            alarm.text = text
        self._tell(alarm, alarm.cycle.see(active, self._core.clock.monotonic()))
        self._tell_text(alarm)

    def end(self, kind: str, cause: str) -> None:
        """What the alarm was about is over: clear it at once."""
        alarm = self._alarms.get(_id_of(kind, cause))
        if alarm is not None:
            self._tell(alarm, alarm.cycle.end(self._core.clock.monotonic()))

    def answered(self, kind: str, cause: str, by: str) -> None:
        """A person decided on what the alarm was about: seen by that person, and over."""
        alarm = self._alarms.get(_id_of(kind, cause))
        if alarm is not None and alarm.cycle.state is AlarmState.UNACKNOWLEDGED:
            self.acknowledge(alarm.alarm_id, by)
        self.end(kind, cause)

    def is_active(self, kind: str, cause: str = "") -> bool:
        """Whether its cause is there, for conditions with a dead-band."""
        alarm = self._alarms.get(_id_of(kind, cause))
        return alarm is not None and alarm.cycle.active

    def tick(self) -> None:
        """Once a second: shelves whose time is up, alarms that are over."""
        now = self._core.clock.monotonic()
        for alarm in list(self._alarms.values()):
            for happened in alarm.cycle.tick(now):
                self._tell(alarm, happened)

    def acknowledge(self, alarm_id: str, by: str) -> None:
        """Mark as seen. Raises RefusalError."""
        alarm = self._known(alarm_id)
        happened = alarm.cycle.acknowledge()
        if happened is None:
            raise RefusalError(Refusal.WRONG_STATE, f"{alarm_id} is {alarm.cycle.state.value}: nothing to acknowledge")
        alarm.acknowledged_by, alarm.acknowledged_ms = by, self._core.utc_ms()
        self._tell(alarm, happened, by)

    def shelve(self, alarm_id: str, by: str, reason: str, for_s: float) -> None:
        """Keep quiet for a time, with a reason. Raises RefusalError."""
        alarm, reason = self._known(alarm_id), visible(reason.strip())
        longest_s = self._settings.longest_shelf_s
        if alarm.priority <= UNSHELVABLE_PRIORITY:
            raise RefusalError(Refusal.WRONG_STATE, f"{alarm.kind} is critical and can't be shelved", "acknowledge it: `a`")
        if not reason or len(reason) > LONGEST_REASON_CHARS:
            raise RefusalError(Refusal.INVALID, f"a shelf needs a reason of 1 to {LONGEST_REASON_CHARS} characters")
        if not math.isfinite(for_s) or not 0 < for_s <= longest_s:
            raise RefusalError(
                Refusal.LIMIT, f"an alarm can be shelved for up to {typed_duration(longest_s)}", "alarms.longest_shelf_s sets the limit"
            )
        until_ms = self._core.utc_ms() + round(for_s * 1000)
        happened = alarm.cycle.shelve(self._core.clock.monotonic() + for_s)
        if happened is None:
            raise RefusalError(Refusal.WRONG_STATE, f"{alarm_id} is {alarm.cycle.state.value}: it can't be shelved")
        alarm.shelved = ShelvedAlarm(
            alarm_id=alarm_id,
            kind=alarm.kind,
            text=alarm.text,
            by=by,
            until_ms=until_ms,
            reason=reason,
            dispatch_id=alarm.dispatch_id,
        )
        self._tell(alarm, happened, by)

    def unshelve(self, alarm_id: str, by: str) -> None:
        """Back from the shelf before its time. Raises RefusalError."""
        alarm = self._known(alarm_id)
        happened = alarm.cycle.unshelve(self._core.clock.monotonic())
        if not happened:
            raise RefusalError(Refusal.WRONG_STATE, f"{alarm_id} is not shelved")
        for one in happened:
            self._tell(alarm, one, by)

    def shelved(self) -> tuple[ShelvedAlarm, ...]:
        """What is on the shelf."""
        return tuple(alarm.shelved for alarm in self._alarms.values() if alarm.shelved is not None)

    def rates(self) -> AlarmRates:
        """How much the alarms ask of the operator."""
        now = self._core.clock.monotonic()
        return self._meter.rates(now, stale=sum(self._stale(one, now) for one in self._alarms.values()), shelved=len(self.shelved()))

    def views(self) -> tuple[AlarmView, ...]:
        """Active ones first, then by priority and age; those on the shelf last."""
        now = self._core.clock.monotonic()
        listed = [alarm for alarm in self._alarms.values() if alarm.cycle.state is not AlarmState.NORMAL]
        listed.sort(key=lambda one: (one.cycle.state is AlarmState.SHELVED, not one.cycle.active, one.priority, one.raised_ms))
        return tuple(self._view(alarm, now) for alarm in listed)

    def _view(self, alarm: Alarm, now: float) -> AlarmView:
        cycle, shelf = alarm.cycle, alarm.shelved
        return AlarmView(
            alarm_id=alarm.alarm_id,
            kind=alarm.kind,
            priority=alarm.priority,
            text=alarm.text,
            response=ALARM_KINDS[alarm.kind].response,
            active=cycle.active,
            acknowledged=cycle.state is AlarmState.ACKNOWLEDGED,
            raised_ms=alarm.raised_ms,
            cleared_ms=alarm.cleared_ms,
            count=cycle.raises,
            state=cycle.state,
            acknowledged_by=alarm.acknowledged_by,
            acknowledged_ms=alarm.acknowledged_ms,
            shelved_by="" if shelf is None else shelf.by,
            shelved_until_ms=None if shelf is None else shelf.until_ms,
            shelf_reason="" if shelf is None else shelf.reason,
            chattering=cycle.chattering(now),
            stale=self._stale(alarm, now),
            dispatch_id=alarm.dispatch_id,
        )

    def _stale(self, alarm: Alarm, now: float) -> bool:
        return alarm.cycle.active and now - alarm.active_at_s > self._settings.stale_after_s

    def _known(self, alarm_id: str) -> Alarm:
        alarm = self._alarms.get(alarm_id)
        if alarm is None or alarm.cycle.state is AlarmState.NORMAL:
            raise RefusalError(Refusal.INVALID, f"no alarm {alarm_id[:64]!r}", "`status` and the alarm screen list them")
        return alarm

    def _new(self, alarm_id: str, kind: str, dispatch_id: str) -> Alarm:
        return Alarm(alarm_id, kind, AlarmCycle(self._delays.get(kind, ALARM_KINDS[kind].delays)), dispatch_id)

    def _restore(self, one: ShelvedAlarm) -> None:
        """Shelved before a restart, and its time is not up."""
        left_s = (one.until_ms - self._core.utc_ms()) / 1000
        if left_s <= 0 or one.kind not in ALARM_KINDS:
            return
        alarm = self._alarms[one.alarm_id] = self._new(one.alarm_id, one.kind, one.dispatch_id)
        alarm.text, alarm.shelved, alarm.raised_ms = one.text, one, self._core.utc_ms()
        alarm.cycle.restore_shelved(self._core.clock.monotonic() + min(left_s, self._settings.longest_shelf_s))

    def _tell(self, alarm: Alarm, happened: Happened | None, by: str = "") -> None:
        core, alarm_id, kind = self._core, alarm.alarm_id, alarm.kind
        match happened:
            case None:
                return
            case Happened.RAISED:
                alarm.raised_ms, alarm.active_at_s, alarm.cleared_ms = core.utc_ms(), core.clock.monotonic(), None
                alarm.acknowledged_by, alarm.acknowledged_ms = "", None
                alarm.told, alarm.told_at_s = alarm.text, alarm.active_at_s
                self._meter.count(alarm.active_at_s, kind)
                core.emit(
                    AlarmRaised(
                        ts=core.ts(),
                        alarm_id=alarm_id,
                        kind=kind,
                        priority=alarm.priority,
                        text=alarm.text,
                        response=ALARM_KINDS[kind].response,
                        dispatch_id=alarm.dispatch_id,
                    )
                )
            case Happened.CLEARED:
                alarm.cleared_ms = core.utc_ms()
                core.emit(AlarmCleared(ts=core.ts(), alarm_id=alarm_id, kind=kind, text=alarm.text))
            case Happened.ACKNOWLEDGED:
                core.emit(AlarmAcknowledged(ts=core.ts(), alarm_id=alarm_id, kind=kind, by=by))
            case Happened.SHELVED:
                assert alarm.shelved is not None
                core.emit(AlarmShelved(ts=core.ts(), shelved=alarm.shelved))
            case Happened.UNSHELVED:
                alarm.shelved = None
                core.emit(AlarmUnshelved(ts=core.ts(), alarm_id=alarm_id, kind=kind, by=by))
        self._forget()

    def _tell_text(self, alarm: Alarm) -> None:
        """The figures of an active alarm have moved: told without raising it anew, and not written down."""
        core, now = self._core, self._core.clock.monotonic()
        quiet = not alarm.cycle.active or alarm.cycle.state is AlarmState.SHELVED
        if quiet or alarm.text == alarm.told or now - alarm.told_at_s < TOLD_AGAIN_S:
            return
        alarm.told, alarm.told_at_s = alarm.text, now
        core.stream.emit(AlarmChanged(ts=core.ts(), alarm_id=alarm.alarm_id, kind=alarm.kind, text=alarm.text))

    def _forget(self) -> None:
        """Of unanswered alarms whose cause is gone the newest 50 stay; of those that are over none, except one that may chatter."""
        now = self._core.clock.monotonic()
        returned = sorted((one for one in self._alarms.values() if one.cycle.state is AlarmState.RETURNED), key=lambda one: one.raised_ms)
        over = [
            one
            for one in self._alarms.values()
            if one.cycle.state is AlarmState.NORMAL and not one.cycle.pending and now - one.active_at_s > FORGOTTEN_AFTER_S
        ]
        for alarm in (*returned[:-CLEARED_KEPT], *over):
            del self._alarms[alarm.alarm_id]


def _id_of(kind: str, cause: str) -> str:
    return f"{kind}:{cause}" if cause else kind
