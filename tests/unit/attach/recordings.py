"""Recordings for tests: an engine that does something every half a second, recorded on a clock that moves when told."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.console import pictures
from tests.unit.attach.scripted_port import dispatch_event
from v2g_console.attach.recorder import Recorder, RecordingNews
from v2g_console.attach.recording import RecordingFile, new_header
from v2g_console.contract.events import AlarmRaised, DispatchActive, DispatchCompleted, DispatchProgress, Event, EventBatch
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import FleetColumns, Snapshot

ALARM = AlarmRaised(
    ts="2025-12-02T14:02:12.000Z", alarm_id="a7", kind="ack_rate", priority=2, text="ack rate of #7f3a is 91 %", response="retry"
)


class LivelyPort:
    """An engine whose picture moves each time it is looked at. `gone` makes it fail; `script` holds events by look (from 1)."""

    def __init__(self, vehicles: int = 40) -> None:
        self.picture = pictures.normal(vehicles)
        self.looks = 0
        self.gone = ""
        self.script: dict[int, tuple[Event, ...]] = {}
        self.shown: list[Snapshot] = []
        self._events: list[Event] = []

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Taken, and nothing done."""
        return Accepted(request=str(request.__struct_config__.tag))

    async def snapshot(self) -> Snapshot:
        """The next picture: ten vehicles measured, half a second later."""
        if self.gone:
            raise ConnectionError(self.gone)
        self.looks += 1
        before = self.picture
        at_ms = before.utc_ms + 500
        engine = before.engine if self.looks % 3 else pictures.engine(loop_lag_ms=self.looks * 0.5)
        self.picture = replace(before, number=before.number + 1, utc_ms=at_ms, fleet=moved(before.fleet, self.looks, at_ms), engine=engine)
        self._events.extend(self.script.get(self.looks, ()))
        self.shown.append(self.picture)
        return self.picture

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """What the script had so far."""
        return EventBatch(next_number=len(self._events), dropped=0, events=tuple(self._events[after:]))


class Film:
    """A recorder over a LivelyPort, half a second a look."""

    def __init__(self, path: Path, port: LivelyPort | None = None, *, ends_with_engine: bool = True) -> None:
        self.path = path
        self.port = port or LivelyPort()
        self.now_s = 0.0
        self.news = RecordingNews(path.name)
        self.file = RecordingFile(path, new_header(pictures.NOW_MS))
        self.recorder = Recorder(self.port, self.file, self.news, ends_with_engine=ends_with_engine, monotonic_s=lambda: self.now_s)

    async def take(self, looks: int) -> None:
        """Look so often."""
        for _ in range(looks):
            await self.recorder.take()
            self.now_s += 0.5

    async def end(self) -> None:
        """The engine ends, and with it the recording."""
        self.port.gone = "the engine has ended"
        await self.recorder.take()
        self.file.close()


def moved(fleet: FleetColumns, step: int, at_ms: int) -> FleetColumns:
    """`fleet` after ten vehicles have reported."""
    rows = (np.arange(10) * 7 + step) % len(fleet)
    power, soc, seen = fleet.power_kw.copy(), fleet.soc.copy(), fleet.seen_ms.copy()
    power[rows] = np.float32(step)
    soc[rows] *= np.float32(0.99)
    seen[rows] = at_ms
    for column in (power, soc, seen):
        column.flags.writeable = False
    return replace(fleet, revision=fleet.revision + 1, power_kw=power, soc=soc, seen_ms=seen)


async def film(path: Path, looks: int = 40) -> LivelyPort:
    """A whole recording of so many looks: a dispatch becomes active at the 5th and completes at the 30th, an alarm comes at the 10th."""
    made = Film(path)
    made.port.script = {
        3: (dispatch_event(DispatchProgress),),
        5: (dispatch_event(DispatchActive),),
        10: (ALARM,),
        30: (dispatch_event(DispatchCompleted),),
    }
    await made.take(looks)
    await made.end()
    return made.port
