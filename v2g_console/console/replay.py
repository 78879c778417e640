"""A recording as an engine that nobody can act on: the same snapshots and events at the same pace, or faster, or from elsewhere."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from v2g_console.attach.playback import Recording, Shown
from v2g_console.attach.recording import Flag, RecordingError
from v2g_console.console.replay_answers import answer
from v2g_console.contract.events import Event, EventBatch
from v2g_console.contract.replies import Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import FleetColumns, Snapshot

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
EVENTS_KEPT: Final = 2000
_FEW_STEPS: Final = 4
"""More moments than this are read on another thread, so that the screen stays alive."""


@dataclass(frozen=True, slots=True)
class ReplayStatus:
    """Where a replay is: milliseconds from the start of the recording, its length, and the recorded time (UTC ms).

    `ended`: at the end. `damage`: why the file ends before its end.
    """

    at_ms: int
    length_ms: int
    utc_ms: int
    speed: float
    paused: bool
    ended: bool
    damage: str


class ReplayPort:
    """An EnginePort over a recording. There is no engine behind it: whatever acts is refused. Belongs to one loop."""

    def __init__(self, recording: Recording, speed: float = 1.0, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._recording = recording
        self._monotonic_s = monotonic_s
        self._speed = speed
        self._paused = False
        self._anchor_ms = float(recording.time_ms(0))
        self._anchor_s = monotonic_s()
        self._shown: Shown | None = None
        self._jumped = True
        self._told: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._told_count = 0
        self._dropped = 0
        self._numbers = _GrowingNumbers()
        self._looking = asyncio.Lock()

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Answer from the picture what can be; refuse the rest."""
        return answer(request, None if self._shown is None else self._shown.snapshot)

    async def snapshot(self) -> Snapshot:
        """The picture of the recorded moment that it is now. Raises ConnectionError where the recorder heard nothing of the engine."""
        async with self._looking:
            wanted = self._recording.index_at(self._position_ms())
            steps = wanted - (self._shown.index if self._shown is not None else 0)
            try:
                if 0 <= steps <= _FEW_STEPS and self._shown is not None:
                    self._move_to(wanted)
                else:
                    await asyncio.to_thread(self._move_to, wanted)
            except RecordingError as error:  # the file has changed under us
                raise ConnectionError(str(error)) from None
        shown = self._shown
        if shown is None or shown.snapshot is None or shown.problem:
            raise ConnectionError(f"so it was when this was recorded: {shown.problem if shown is not None else ''}")
        return self._numbers.told(shown.snapshot)

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """Events of the moments that were played since; those that a jump passed over are left out."""
        missing = min(max(0, self._told_count - after), len(self._told))
        chosen = tuple(self._told)[len(self._told) - missing :]
        dropped, self._dropped = self._dropped, 0
        return EventBatch(next_number=self._told_count, dropped=dropped + max(0, self._told_count - after - missing), events=chosen)

    def status(self) -> ReplayStatus:
        """Where the replay is."""
        at_ms = round(self._position_ms())
        shown = self._shown
        recorded = self._recording.header.started_ms + at_ms
        ended = at_ms >= self._recording.length_ms
        return ReplayStatus(
            at_ms=at_ms,
            length_ms=self._recording.length_ms,
            utc_ms=recorded if shown is None or shown.snapshot is None else shown.snapshot.utc_ms,
            speed=self._speed,
            paused=self._paused,
            ended=ended,
            damage=self._recording.damage,
        )

    @property
    def path(self) -> str:
        """The file."""
        return str(self._recording.path)

    def pause(self, paused: bool) -> None:
        """Stop or go on. Going on at the end begins anew."""
        if not paused and self.status().ended:
            self.seek(0.0)
        self._set_anchor(self._position_ms())
        self._paused = paused

    def change_speed(self, steps: int) -> float:
        """So many steps faster, or slower if below 0; returns the new speed."""
        self._set_anchor(self._position_ms())
        if steps > 0:
            faster = [speed for speed in SPEEDS if speed > self._speed]
            self._speed = faster[min(steps, len(faster)) - 1] if faster else self._speed
        else:
            slower = [speed for speed in reversed(SPEEDS) if speed < self._speed]
            self._speed = slower[min(-steps, len(slower)) - 1] if slower else self._speed
        return self._speed

    def seek(self, at_ms: float) -> None:
        """Go to a time after the start; before the first moment and behind the last mean those."""
        first, last = self._recording.time_ms(0), self._recording.length_ms
        self._set_anchor(min(max(at_ms, first), last))
        self._jumped = True

    def seek_by(self, delta_s: float) -> None:
        """Go so many seconds on, or back if below 0."""
        self.seek(self._position_ms() + delta_s * 1000)

    def next_event(self, flag: Flag) -> bool:
        """Go to the next moment with something of that kind; False if there is none."""
        index = self._recording.next_with(flag, self._recording.index_at(self._position_ms()))
        if index is None:
            return False
        self.seek(self._recording.time_ms(index))
        return True

    def close(self) -> None:
        """Close the file."""
        self._recording.close()

    def _set_anchor(self, at_ms: float) -> None:
        self._anchor_ms, self._anchor_s = at_ms, self._monotonic_s()

    def _position_ms(self) -> float:
        played_s = 0.0 if self._paused else self._monotonic_s() - self._anchor_s
        return min(self._anchor_ms + max(0.0, played_s) * 1000 * self._speed, self._recording.length_ms)

    def _move_to(self, index: int) -> None:
        """Make moment `index` the one on show. After a jump only its own events are told; else those of all moments up to it."""
        if self._jumped or self._shown is None or index < self._shown.index:
            self._jumped = False
            self._show(self._recording.look(index))
            return
        for one in range(self._shown.index + 1, index + 1):
            shown = self._recording.look(one)
            if shown.index < one:  # damage was found, and the recording is shorter now
                return
            self._show(shown)

    def _show(self, shown: Shown) -> None:
        self._shown = shown
        self._told.extend(shown.events)
        self._told_count += len(shown.events)
        self._dropped += shown.dropped


class _GrowingNumbers:
    """Numbers that a console takes for newness grow, also when the recording goes back."""

    def __init__(self) -> None:
        self._number = self._revision = self._layout = 0
        self._fleet: FleetColumns | None = None
        self._shown: FleetColumns | None = None

    def told(self, snapshot: Snapshot) -> Snapshot:
        """`snapshot`, read-only, with the next number: also a paused picture is a new one, since the replay is alive."""
        self._number += 1
        engine = msgspec.structs.replace(snapshot.engine, read_only=True, lock_after_s=0.0)
        return replace(snapshot, number=self._number, engine=engine, fleet=self._renumbered(snapshot.fleet))

    def _renumbered(self, fleet: FleetColumns) -> FleetColumns:
        if fleet is not self._fleet or self._shown is None:
            self._revision += 1
            if self._fleet is None or fleet.ids != self._fleet.ids or fleet.sites != self._fleet.sites:
                self._layout += 1
            self._fleet = fleet
            self._shown = replace(fleet, revision=self._revision, layout_revision=self._layout)
        return self._shown
