"""An EnginePort that does what a test tells it: events on demand, replies by a function."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from v2g_console.contract.events import DispatchEvent, EngineReady, Event, EventBatch
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import Snapshot

TS = "2026-11-23T13:02:07.123Z"
FIRST_ID = "018f3a7e5c1b4d2e9f60a1b2c3d4e5f6"
READY = EngineReady(ts=TS, version="0.1.0", broker="tcp://127.0.0.1:1883", protocol="MQTT 5", vehicles=200, startup_ms=412.0)
DEADLINE_S = 40.0

Handler = Callable[[Request, Origin], Awaitable[Reply]]
E = TypeVar("E", bound=DispatchEvent)


class ScriptedPort:
    """Keeps all events, notes all requests; `handler` answers (default: accepted), `gone` breaks it off."""

    def __init__(self, handler: Handler | None = None) -> None:
        self.requests: list[tuple[Request, Origin]] = []
        self.handler = handler
        self.picture: Snapshot | None = None
        self.looks = 0
        self.polls = 0
        self.read_up_to = 0
        self.withdrawn_polls = 0
        self._events: list[Event] = []
        self._changed = asyncio.Condition()
        self._gone = False

    @property
    def all_read(self) -> bool:
        """True once a reader asks for what comes after the newest event."""
        return self.read_up_to == len(self._events)

    async def emit(self, *events: Event) -> None:
        """Add events and wake the readers."""
        async with self._changed:
            self._events.extend(events)
            self._changed.notify_all()

    async def go(self) -> None:
        """The engine ends: polls and requests raise ConnectionError."""
        async with self._changed:
            self._gone = True
            self._changed.notify_all()

    async def request(self, request: Request, origin: Origin) -> Reply:
        self._raise_if_gone()
        self.requests.append((request, origin))
        if self.handler is None:
            return Accepted(request=str(request.__struct_config__.tag))
        return await self.handler(request, origin)

    async def snapshot(self) -> Snapshot:
        self._raise_if_gone()
        self.looks += 1
        assert self.picture is not None, "this test gave no snapshot"
        return self.picture

    async def events(self, after: int, wait_s: float) -> EventBatch:
        self.polls += 1
        self.read_up_to = after
        try:
            async with self._changed, asyncio.timeout(wait_s):
                await self._changed.wait_for(lambda: self._gone or len(self._events) > after)
        except TimeoutError:
            return EventBatch(next_number=after, dropped=0, events=())
        except asyncio.CancelledError:
            self.withdrawn_polls += 1
            raise
        self._raise_if_gone()
        return EventBatch(next_number=len(self._events), dropped=0, events=tuple(self._events[after:]))

    def _raise_if_gone(self) -> None:
        if self._gone:
            raise ConnectionError("the engine has ended")


async def until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds; fails after a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  (any condition, of any thread)
            await asyncio.sleep(0.002)


def dispatch_event(
    kind: type[E],
    dispatch_id: str = FIRST_ID,
    *,
    requested_kw: float = 300.0,
    acknowledged_kw: float = 298.5,
    signal: str = "FCR",
    owed: int = 0,
) -> E:
    """An event of a dispatch of 60 vehicles, as the engine sends it."""
    fields: dict[str, Any] = {
        "state": str(kind.__struct_config__.tag).removeprefix("dispatch."),
        "allocated_kw": requested_kw,
        "delivered_kw": None,
        "delivered_coverage": 0.0,
        "uncertain_kw": 0.0,
        "shortfall_kw": requested_kw - acknowledged_kw,
        "vehicles": 60,
        "acked": 58,
        "limited": 1,
        "rejected": 0,
        "silent": 1,
        "pending": 0,
    }
    return kind(
        ts=TS, dispatch_id=dispatch_id, signal=signal, requested_kw=requested_kw, acknowledged_kw=acknowledged_kw, owed=owed, **fields
    )
