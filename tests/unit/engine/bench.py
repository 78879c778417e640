"""A test bench: the whole engine on virtual time, in-memory link and vehicles, and checks that must hold at any moment."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tests.unit.engine.bench_link import BenchLink
from tests.unit.engine.cars import Car
from tests.unit.engine.virtual_time import VirtualClock
from v2g_console.config.settings import Settings
from v2g_console.contract import requests as ask
from v2g_console.contract.events import Event
from v2g_console.contract.replies import Accepted, Refused, Reply
from v2g_console.contract.snapshot import DispatchView
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.engine.engine import Engine
from v2g_console.engine.views import dispatch_view
from v2g_console.journal.memory import MemoryJournal
from v2g_console.journal.port import JournalError, JournalState, RequestRecord, RoundRecord
from v2g_console.journal.recovery import Recovered
from v2g_console.metrics import Metrics
from v2g_console.prediction import NoPrediction

OPERATOR = ask.Origin(user="ines", way="console")
REPORT_EVERY_S = 2.0


class BenchJournal(MemoryJournal):
    """Fails while told to; `round_s` is how long a round takes."""

    def __init__(self) -> None:
        super().__init__(10_000)
        self.fails: type[Exception] | None = None
        self.round_s = 0.0
        self.rounds: list[RoundRecord] = []
        self.requests: list[RequestRecord] = []

    async def commit_round(self, record: RoundRecord) -> None:
        if self.round_s:
            await asyncio.sleep(self.round_s)
        self._commit()
        self.rounds.append(record)
        self.note([record])

    async def commit_request(self, record: RequestRecord) -> None:
        self._commit()
        self.requests.append(record)
        self.note([record])

    def state(self) -> JournalState:
        return JournalState(ok=self.fails is None, cause="" if self.fails is None else "no space left on device")

    def _commit(self) -> None:
        if self.fails is not None:
            raise self.fails("no space left on device")


class Bench:
    """The engine with everything around it; `told` collects its events. Its date is off by `step_s`."""

    def __init__(
        self, fleet: Iterable[Car], settings: Settings, *, read_only: bool = False, found: Recovered | None = None, step_s: float = 0.0
    ) -> None:
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.clock.step_s = step_s
        self.journal = BenchJournal()
        self.fleet = {car.vehicle_id: car for car in fleet}
        self.settings = settings
        self.engine = Engine(
            settings,
            clock=self.clock,
            link_factory=lambda on_message, on_link, _, topics: self._make_link(BenchLink(on_message, on_link, topics, self.clock)),
            journal=self.journal,
            metrics=Metrics(),
            prediction=NoPrediction(),
            read_only=read_only,
            owner=OPERATOR.user,
            found=found,
        )
        self.core = self.engine._core
        self.told: list[Event] = []
        self._tasks: list[asyncio.Task[None]] = []

    def _make_link(self, link: BenchLink) -> BenchLink:
        self.link = link
        link.cars = self.fleet
        return link

    async def start(self) -> None:
        """Until the fleet is known and measured."""
        await self.engine.start()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._reports())]
        await self.until(lambda: self.engine._snapshots.ready)

    async def close(self) -> None:
        """Release what runs and stop."""
        await self.engine.wind_down("release")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.close()

    async def _listen(self) -> None:
        after = 0
        while True:
            batch = await self.engine.events(after, 60.0)
            after = batch.next_number
            self.told.extend(batch.events)

    async def _reports(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            self.link.everybody_reports()

    # Asking

    async def say(self, request: ask.Request, origin: ask.Origin = OPERATOR) -> Reply:
        """Any request."""
        return await self.engine.request(request, origin)

    async def accepted(self, request: ask.Request) -> Accepted:
        """A request that must be accepted."""
        reply = await self.say(request)
        assert isinstance(reply, Accepted), reply
        return reply

    async def refused(self, request: ask.Request) -> Refused:
        """A request that must be refused."""
        reply = await self.say(request)
        assert isinstance(reply, Refused), reply
        return reply

    async def dispatch(self, signal: str = "FCR", power_kw: float = 10.0, duration_s: float = 60.0, **kwargs: Any) -> Running:
        """A dispatch that must be accepted; it has not sent anything yet unless time passes."""
        reply = await self.accepted(ask.Dispatch(signal=signal, power_kw=power_kw, duration_s=duration_s, **kwargs))
        running = self.core.find(reply.dispatch_id)
        assert running is not None
        return running

    async def active(self, signal: str = "FCR", power_kw: float = 10.0, duration_s: float = 60.0, **kwargs: object) -> Running:
        """A dispatch that has become active."""
        running = await self.dispatch(signal, power_kw, duration_s, **kwargs)
        await self.until(lambda: running.state is DispatchState.ACTIVE)
        return running

    # Time

    async def until(self, condition: Callable[[], bool], within_s: float = 120.0) -> None:
        """Wait, on virtual time, until `condition` holds; every 10 ms all invariants are checked."""
        deadline = self.clock.monotonic() + within_s
        while not condition():
            assert self.clock.monotonic() < deadline, (
                f"not within {within_s} s: {[(r.state, r.counts) for r in self.core.running.values()]}"
            )
            await asyncio.sleep(0.01)
            self.check()

    async def run_for(self, seconds: float) -> None:
        """Let time pass; all invariants are checked on the way."""
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 1e-9:
            await asyncio.sleep(min(left, 0.1))
            self.check()

    async def over(self, running: Running, within_s: float = 120.0) -> DispatchState:
        """The outcome of a dispatch, once it is over."""
        await self.until(lambda: running.over and running.dispatch_id not in self.core.running, within_s)
        return running.state

    # Looking

    def events_of(self, running: Running) -> list[str]:
        """The steps of one dispatch as they were told, without progress."""
        tags = [(str(event.__struct_config__.tag), getattr(event, "dispatch_id", "")) for event in self.told]
        wanted = [tag for tag, dispatch_id in tags if dispatch_id == running.dispatch_id]
        return [tag.removeprefix("dispatch.") for tag in wanted if tag.startswith("dispatch.") and tag != "dispatch.progress"]

    def view(self, running: Running) -> DispatchView:
        """A dispatch as the operator would see it at this moment."""
        return dispatch_view(self.core, running)

    def owned(self, running: Running) -> int:
        """Vehicles a dispatch owns."""
        return int(np.count_nonzero(self.core.fleet.owner[: len(self.core.fleet)] == running.slot))

    def row(self, vehicle_id: str) -> int:
        """Its row in the fleet."""
        return self.core.fleet.row_of[vehicle_id]

    def check(self) -> None:
        """What must hold at any moment."""
        fleet, n = self.core.fleet, len(self.core.fleet)
        slots = [running.slot for running in self.core.running.values()]
        assert len(slots) == len(set(slots)), "two dispatches share an owner slot"
        owners = fleet.owner[:n]
        assert np.isin(owners[owners >= 0], slots).all(), "a vehicle belongs to a dispatch that is over"
        assert not (fleet.owed[:n] & (owners >= 0)).any(), "a vehicle is owed a release and in use"
        assert int(np.count_nonzero(fleet.owed[:n])) == len(self.engine._owed), "the owed list and the fleet disagree"
        for running in (*self.core.running.values(), *itertools.islice(self.core.past, 3)):
            check_counts(running)
        for car in self.fleet.values():
            check_order(car)


def check_counts(running: Running) -> None:
    """Counts always equal a recount."""
    assert running.counts == np.bincount(running.command_state, minlength=len(CommandState)).tolist(), running.state
    assert running.release_counts == np.bincount(running.release_state, minlength=len(ReleaseState)).tolist(), running.state
    assert len(running.row_list) == len(running.rows) == len(running.setpoint_kw)
    if running.over:
        assert running.release_counts[ReleaseState.SENT] == 0, "over, but a release is still waited for"
        assert not (running.out & (running.release_state == ReleaseState.NONE)).any(), "over, but a commanded vehicle was not released"


def check_order(car: Car) -> None:
    """A vehicle never gets an older command after a newer one, and a repeated one is the same to the byte."""
    seqs = [received.seq for received in car.received]
    assert seqs == sorted(seqs), f"{car.vehicle_id} got {seqs}"
    payloads: dict[int, bytes] = {}
    for received in car.received:
        assert payloads.setdefault(received.seq, received.payload) == received.payload, "a retry differs from what it repeats"


@contextlib.asynccontextmanager
async def bench(
    fleet: Iterable[Car],
    *,
    read_only: bool = False,
    found: Recovered | None = None,
    sections: Mapping[str, object] | None = None,
    **dispatch: object,
) -> AsyncIterator[Bench]:
    """A started bench; keyword arguments are dispatch settings, `sections` others, `found` is what a crash left. It ends with all released.

    Reallocation is off unless asked for, so that a test sees what it does itself.
    """
    settings = Settings.model_validate({"dispatch": {"allocator": "equal", "reallocation": "none", **dispatch}, **(sections or {})})
    one = Bench(fleet, settings, read_only=read_only, found=found)
    await one.start()
    try:
        yield one
        one.check()
    finally:
        one.journal.fails = None
        await one.close()


__all__ = ["OPERATOR", "Bench", "BenchJournal", "JournalError", "bench", "check_counts"]
