"""The handover report: what is open, and what the next shift must know."""

import math

import numpy as np

from v2g_console.contract import requests as ask
from v2g_console.contract.events import OperatorNote
from v2g_console.contract.handover import LONGEST_NOTE_CHARS, MOST_NOTES, MOST_OVERRIDES, HandoverView, NoteView, OverrideView
from v2g_console.contract.replies import IdentityView, Refusal
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES
from v2g_console.domain.text import visible
from v2g_console.domain.units import typed_duration
from v2g_console.engine.core import Core
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.snapshots import Snapshots
from v2g_console.journal.port import JournalError
from v2g_console.journal.wanted import Wanted

LONGEST_SHIFT_S = 7 * 86_400.0


class Handover:
    """Notes of operators, and the report made of everything. Methods raise RefusalError."""

    def __init__(self, core: Core, snapshots: Snapshots) -> None:
        self._core, self._snapshots = core, snapshots

    def note(self, request: ask.Note, origin: ask.Origin) -> None:
        """Write something down for the others; it goes into the journal."""
        text = visible(request.text.strip())
        if not text or len(text) > LONGEST_NOTE_CHARS:
            raise RefusalError(Refusal.INVALID, f"a note has 1 to {LONGEST_NOTE_CHARS} characters", "write less, or two notes")
        self._core.emit(OperatorNote(ts=self._core.ts(), by=origin.user, way=origin.way, text=text))

    async def report(self, request: ask.Handover, you: IdentityView) -> HandoverView:
        """The state now, and what ended or was noted in the last `since_s` seconds."""
        if not math.isfinite(request.since_s) or not 0 < request.since_s <= LONGEST_SHIFT_S:
            raise RefusalError(
                Refusal.INVALID, f"a handover looks back 1s to {typed_duration(LONGEST_SHIFT_S)}", "a shift: 8h, since_s 28800"
            )
        core = self._core
        until_ms = core.utc_ms()
        from_ms = until_ms - round(request.since_s * 1000)
        notes, missing = await self._notes(from_ms)
        shown = self._snapshots.newest()
        over = [view for view in shown.dispatches if view.state in TERMINAL_DISPATCH_STATES]
        return HandoverView(
            from_ms=from_ms,
            until_ms=until_ms,
            engine=you.seeing(shown.engine),
            link=shown.link,
            fleet=shown.summary,
            open_dispatches=tuple(view for view in shown.dispatches if view.state not in TERMINAL_DISPATCH_STATES),
            ended_dispatches=tuple(view for view in over if (view.ended_ms or 0) >= from_ms),
            alarms=shown.alarms,
            alarm_rates=shown.alarm_rates,
            tags=shown.tags,
            overrides=self._overrides(),
            approvals=shown.approvals,
            stop=shown.stop,
            notes=notes,
            missing=missing,
        )

    async def _notes(self, from_ms: int) -> tuple[tuple[NoteView, ...], str]:
        """The notes since then, oldest first; and why there are none, if the journal can't be read."""
        try:
            told = await self._core.journal.page(Wanted(from_ms=from_ms, kind="note"), 0, MOST_NOTES)
        except JournalError as error:
            return (), f"notes can't be read: {error}"
        return tuple(NoteView(utc_ms=one.utc_ms, by=one.person, text=one.words) for one in reversed(told)), ""

    def _overrides(self) -> tuple[OverrideView, ...]:
        core, now = self._core, self._core.clock.monotonic()
        rows: list[int] = np.flatnonzero(core.overrides.mask(len(core.fleet), now)).tolist()
        left = [(row, core.overrides.left_s(row, now)) for row in rows[:MOST_OVERRIDES]]
        return tuple(
            OverrideView(vehicle_id=core.fleet.ids[row], left_s=None if left_s is None or math.isinf(left_s) else left_s)
            for row, left_s in left
        )
