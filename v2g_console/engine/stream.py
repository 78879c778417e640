"""The bounded, numbered event stream. What a reader came too late for is counted, never silently lost."""

import asyncio
from collections import deque

from v2g_console.contract.events import AlarmChanged, AlarmCleared, DispatchEnded, DispatchProgress, Event, EventBatch

_BATCH = 500
_ENDED_KEPT = 1000
_LOST_KNOWN = 20_000


class EventStream:
    """Keeps the last `capacity` events. Of progress only the newest of each dispatch is kept, so that it can't push anything out;

    of an alarm's changes likewise. Outcomes have a ring of their own. `dropped` counts the events that a reader asked for too late.
    """

    def __init__(self, capacity: int = 5000) -> None:
        self._events: deque[tuple[int, Event]] = deque()
        self._capacity = capacity
        self._progress: dict[str, tuple[int, Event]] = {}
        self._ended: deque[tuple[int, Event]] = deque(maxlen=_ENDED_KEPT)
        self._lost: deque[int] = deque(maxlen=_LOST_KNOWN)  # numbers that are no longer kept
        self._number = 0
        self._arrived = asyncio.Event()
        self.dropped = 0

    @property
    def kept(self) -> int:
        """How many events wait for readers that come late."""
        return len(self._events) + len(self._progress) + len(self._ended)

    def emit(self, event: Event) -> None:
        """Add an event. A progress event replaces the previous one of its dispatch, a change of an alarm that of the same alarm."""
        self._number += 1
        numbered = (self._number, event)
        about = _about(event)
        if about:
            self._progress.pop(about, None)  # so that the order stays that of the numbers
            self._progress[about] = numbered
        else:
            self._keep(numbered)
        self._arrived.set()

    def _keep(self, numbered: tuple[int, Event]) -> None:
        if len(self._events) == self._capacity:
            number, oldest = self._events.popleft()
            if isinstance(oldest, DispatchEnded):
                if len(self._ended) == _ENDED_KEPT:
                    self._lost.append(self._ended[0][0])
                self._ended.append((number, oldest))
            else:
                self._lost.append(number)
        self._events.append(numbered)
        event = numbered[1]
        if isinstance(event, DispatchEnded):
            self._progress.pop(event.dispatch_id, None)
        elif isinstance(event, AlarmCleared):
            self._progress.pop(event.alarm_id, None)

    async def read(self, after: int, wait_s: float) -> EventBatch:
        """Events numbered above `after`, at most 500; waits up to `wait_s` for the first. A reader that starts with 0 missed nothing.

        A number from before a restart of the engine is above all of ours: such a reader begins anew.
        """
        if after > self._number:
            after = 0
        if after >= self._number and wait_s > 0:
            self._arrived.clear()
            try:
                async with asyncio.timeout(wait_s):  # wait_for may swallow a cancellation
                    await self._arrived.wait()
            except TimeoutError:
                return EventBatch(next_number=after, dropped=0, events=())
        chosen = self._after(after)[:_BATCH]
        next_number = chosen[-1][0] if chosen else max(after, 0)
        dropped = sum(1 for number in self._lost if after < number <= next_number) if after > 0 else 0
        self.dropped += dropped
        return EventBatch(next_number=next_number, dropped=dropped, events=tuple(event for _, event in chosen))

    def _after(self, after: int) -> list[tuple[int, Event]]:
        """All that is kept above a number, in order."""
        kept = [pair for pair in self._progress.values() if pair[0] > after]
        for pair in reversed(self._events):
            if pair[0] <= after:
                break
            kept.append(pair)
        if not self._events or after < self._events[0][0]:
            kept.extend(pair for pair in self._ended if pair[0] > after)
        return sorted(kept, key=lambda pair: pair[0])


def _about(event: Event) -> str:
    """What the event tells the newest state of, where only that counts; "" for any other."""
    match event:
        case DispatchProgress():
            return event.dispatch_id
        case AlarmChanged():
            return event.alarm_id
        case _:
            return ""
