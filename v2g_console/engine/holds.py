"""What outlives a restart besides dispatches: tags, STOP, shelved alarms, local overrides. Restored at a start, said again at times."""

from v2g_console.contract.events import HoldsStanding
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.core import Core
from v2g_console.engine.override_record import overrides_standing, restore_overrides
from v2g_console.journal.holds import Holds

SAY_AGAIN_S = 3600.0
"""The journal's retention removes old entries; a tag may hang for longer than that."""


def restore(core: Core, holds: Holds) -> None:
    """Take over tags, local overrides and latch of an earlier run: an engine that was stopped starts stopped."""
    core.tags.restore(holds.tags)
    restore_overrides(core, holds.overrides)
    if holds.stopped:
        latch = core.stop
        latch.stopped, latch.by, latch.at_ms, latch.reason = True, holds.stopped_by, holds.stopped_at_ms, holds.stop_reason


class StandingHolds:
    """Says what stands, at the first look and each hour while there is anything."""

    def __init__(self, core: Core, alarms: Alarms) -> None:
        self._core, self._alarms = core, alarms
        self._said_at = -SAY_AGAIN_S

    def look(self, now: float) -> None:
        """To be called about once a second; `now` monotonic."""
        core, latch = self._core, self._core.stop
        if now - self._said_at < SAY_AGAIN_S:
            return
        self._said_at = now
        shelved, overrides = self._alarms.shelved(), overrides_standing(core)
        if not (len(core.tags) or latch.stopped or shelved or overrides):
            return
        core.emit(
            HoldsStanding(
                ts=core.ts(),
                tags=core.tags.views(),
                shelved=shelved,
                overrides=overrides,
                stopped=latch.stopped,
                stopped_by=latch.by,
                stopped_at_ms=latch.at_ms,
                stop_reason=latch.reason,
            )
        )
