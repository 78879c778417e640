"""Watching an engine and writing down what a console would see: a reader like any other, at most twice a second."""

import asyncio
import logging
import queue
import time
from collections.abc import Callable
from typing import Final

import msgspec

from v2g_console.attach.frames import without_result
from v2g_console.attach.masking import masked_moment
from v2g_console.attach.picture import packed
from v2g_console.attach.recording import Flag, Moment, RecordingFile, RecordingFullError
from v2g_console.contract.events import AlarmRaised, DispatchProgress, Event, EventBatch, RequestAccepted
from v2g_console.contract.port import EnginePort
from v2g_console.contract.snapshot import EngineInfo, Snapshot

INTERVAL_S: Final = 0.5
CHAPTER_S: Final = 60.0
LONGEST_CHAPTER_S: Final = 600.0
"""A chapter lasts CHAPTER_S, or longer while its changes are smaller than a whole picture, but never longer than this."""
AGAIN_AFTER_S: Final = 10.0
"""A disk that did not take a record is tried again after this time."""

_log = logging.getLogger(__name__)


class RecordingNews:
    """What the recorder has to tell a console on another thread. `trouble`: why nothing is being recorded now, "" while all is well."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.trouble = ""
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()

    def say(self, text: str) -> None:
        """Something that an operator should read once."""
        _log.warning("%s", text)
        self._said.put(text)

    def unread(self) -> list[str]:
        """What was said since the last time."""
        texts = []
        while not self._said.empty():
            texts.append(self._said.get_nowait())
        return texts


class Recorder:
    """Writes what `port` shows into `file`. Keeps one snapshot, to tell differences from. Belongs to a loop that is not the engine's.

    `ends_with_engine`: an engine that is gone is the end, not a gap.
    """

    def __init__(
        self,
        port: EnginePort,
        file: RecordingFile,
        news: RecordingNews,
        *,
        ends_with_engine: bool,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port, self._file, self._news = port, file, news
        self._ends_with_engine = ends_with_engine
        self._monotonic_s = monotonic_s
        self._started_s = monotonic_s()
        self._base: Snapshot | None = None
        self._engine: EngineInfo | None = None
        self._problem = ""
        self._next_event = 0
        self._chapter_at_s: float | None = None  # None: the next record begins a chapter
        self._whole_bytes = self._changes_bytes = 0
        self._again_at_s = float("-inf")
        self._lost_since_s: float | None = None
        self._over = False

    async def run(self, stop: asyncio.Event) -> None:
        """Record until `stop` is set, the engine has ended, or the file is as long as it may be."""
        while not stop.is_set() and not self._over:
            begun_s = self._monotonic_s()
            await self.take()
            spent_s = self._monotonic_s() - begun_s
            try:
                await asyncio.wait_for(stop.wait(), max(INTERVAL_S / 2, INTERVAL_S - spent_s))
            except TimeoutError:
                continue
        if not self._over:
            await self.take()  # what happened since the last look
        if not self._over:
            self._finish("the recording was ended")

    async def take(self) -> None:
        """Look at the engine once and write down what changed."""
        if self._monotonic_s() < self._again_at_s:
            return
        try:
            snapshot = await self._port.snapshot()
            batch = await self._port.events(self._next_event, 0.0)
        except OSError as error:  # ConnectionError and TimeoutError are among them
            self._engine_gone(str(error) or type(error).__name__)
            return
        self._problem = ""
        self._write_down(snapshot, batch)

    def _engine_gone(self, problem: str) -> None:
        if self._ends_with_engine:
            self._finish("the engine ended")
        elif problem != self._problem:
            self._problem = problem
            self._append(Flag.GONE | Flag.EVENT, Moment(problem=problem))

    def _write_down(self, snapshot: Snapshot, batch: EventBatch) -> None:
        if self._chapter_is_over():
            self._chapter_at_s = None
        fresh = self._chapter_at_s is None
        base = None if fresh else self._base
        if base is not None and snapshot.number == base.number and not batch.events:
            return
        moment = Moment(
            engine=snapshot.engine if fresh or snapshot.engine != self._engine else None,
            picture=msgspec.Raw(packed(base, snapshot)),
            events=tuple(map(without_result, batch.events)),
            dropped=batch.dropped,
        )
        if self._append(flags_of(batch.events), moment):
            self._base, self._engine, self._next_event = snapshot, snapshot.engine, batch.next_number

    def _chapter_is_over(self) -> bool:
        if self._chapter_at_s is None or self._base is None:
            return True
        age_s = self._monotonic_s() - self._chapter_at_s
        return age_s >= LONGEST_CHAPTER_S or (age_s >= CHAPTER_S and self._changes_bytes >= self._whole_bytes)

    def _append(self, flags: Flag, moment: Moment) -> bool:
        """Write a record; a disk that does not take it is told of once, and tried again later with a whole picture."""
        now_s = self._monotonic_s()
        first = self._chapter_at_s is None
        try:
            size = self._file.append(
                round((now_s - self._started_s) * 1000), flags | (Flag.CHAPTER if first else Flag(0)), masked_moment(moment)
            )
            if first:
                self._file.sync()
        except RecordingFullError as error:
            self._news.trouble = str(error)
            self._news.say(f"recording ended: {self._news.name}: {error}")
            self._over = True
            return False
        except OSError as error:
            self._not_taken(error.strerror or str(error), now_s)
            return False
        if first:
            self._chapter_at_s, self._whole_bytes, self._changes_bytes = now_s, size, 0
        else:
            self._changes_bytes += size
        if Flag.GONE in flags:
            self._base, self._chapter_at_s = None, None  # who comes back may be another engine
        self._taken_again(now_s)
        return True

    def _not_taken(self, why: str, now_s: float) -> None:
        self._base, self._chapter_at_s, self._problem = None, None, ""
        self._again_at_s = now_s + AGAIN_AFTER_S
        if self._lost_since_s is None:
            self._lost_since_s = now_s
            self._news.trouble = why
            self._news.say(f"nothing is recorded now: {self._news.name} can't be written ({why}); it is tried again until it works")

    def _taken_again(self, now_s: float) -> None:
        if self._lost_since_s is not None:
            missing_s, self._lost_since_s = now_s - self._lost_since_s, None
            self._news.trouble = ""
            self._news.say(f"recording again into {self._news.name}: {missing_s:.0f} s are missing")

    def _finish(self, why: str) -> None:
        self._over = True
        try:
            self._file.append(
                round((self._monotonic_s() - self._started_s) * 1000),
                Flag.END | (Flag.CHAPTER if self._chapter_at_s is None else Flag(0)),
                masked_moment(Moment(problem=why)),
            )
            self._file.sync()
        except OSError as error:
            _log.warning("the recording %s has no end: %s", self._news.name, error.strerror or error)


def flags_of(events: tuple[Event, ...]) -> Flag:
    """What a person may want to jump to among `events`: all but progress and requests that were taken."""
    flags = Flag(0)
    for event in events:
        if not isinstance(event, DispatchProgress | RequestAccepted):
            flags |= Flag.EVENT
        if isinstance(event, AlarmRaised):
            flags |= Flag.ALARM
    return flags
