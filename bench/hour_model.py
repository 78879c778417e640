"""An hour of one dispatch on virtual time: the engine itself, an in-memory link, and the simulator's vehicles with all their vices.

Every message between the two is a real one of the wire; only the broker is missing. What the vehicles really do is read each second from
the simulator, beside what the engine believes of it.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

from tests.unit.engine.virtual_time import VirtualClock, VirtualLoop
from v2g_console.config.os_users import own_user
from v2g_console.config.settings import Settings
from v2g_console.contract.link import LinkCause, LinkHealth, LinkState
from v2g_console.contract.replies import Accepted
from v2g_console.contract.requests import Dispatch, Origin
from v2g_console.domain.states import DispatchState
from v2g_console.engine.dispatch import Running
from v2g_console.engine.engine import Engine
from v2g_console.engine.expected import believe
from v2g_console.engine.totals import totals
from v2g_console.journal.memory import MemoryJournal
from v2g_console.metrics import Metrics
from v2g_console.prediction import NoPrediction
from v2g_console.simulator.dialogue import Dialogue, Station
from v2g_console.simulator.fleet import build_fleet
from v2g_console.simulator.moment import Moment
from v2g_console.simulator.options import ProtocolMix, SimulateOptions
from v2g_console.simulator.outbox import Outbox
from v2g_console.simulator.spec import Fault, VehicleSpec
from v2g_console.simulator.vehicle import Vehicle
from v2g_console.simulator.wheel import Wheel
from v2g_console.transport.port import LinkHandler, MessageHandler, MqttLink, Outgoing, PublishOutcome
from v2g_console.transport.topics import Kind, Topics

ACK_TIMEOUT_S = 5.0
ACK_LATENCY_MS = 80.0
WINDOW = 100
ROUND_TRIP_S = 0.005
SETTLE_S = 60.0
"""Virtual time before the dispatch, in which the fleet is discovered and measured."""
ORIGIN = Origin(user=own_user(), way="cli")


@dataclass(frozen=True, slots=True)
class HourOptions:
    """One run. Shares of the fleet, of 0..1: `deaf` neither obey nor acknowledge, `mute` obey and don't acknowledge, `refusing` say no
    (v2) or ignore what they acknowledge (v1), `leaving` drive away unannounced during the dispatch. `target_kw` is signed."""

    target_kw: float = 500.0
    vehicles: int = 400
    duration_s: float = 3600.0
    seed: int = 1
    deaf: float = 0.10
    mute: float = 0.10
    refusing: float = 0.05
    leaving: float = 0.02
    reallocation: str = "balanced"


@dataclass(frozen=True, slots=True)
class Sample:
    """One second: kW of regulation, `at_s` since the start of the dispatch.

    `true_kw`: what they really give. `believed_kw`: what the engine thinks they give. `delivered_kw`: its sum over settled vehicles,
    None without any. `commands`: messages to vehicles since the engine started.
    """

    at_s: float
    target_kw: float
    true_kw: float
    believed_kw: float
    acknowledged_kw: float
    delivered_kw: float | None
    commands: int


@dataclass(frozen=True, slots=True)
class HourResult:
    """All samples, and what the fleet was."""

    options: HourOptions
    samples: tuple[Sample, ...]
    deaf: int
    mute: int
    refusing: int
    left: int
    taken: int
    outcome: str


def make_specs(options: HourOptions) -> tuple[tuple[VehicleSpec, ...], frozenset[str]]:
    """The simulator's varied fleet with exactly these shares of vices, and the ids of the deaf. Nobody has two vices."""
    specs = build_fleet(SimulateOptions(vehicles=options.vehicles, seed=options.seed, protocol=ProtocolMix.MIXED))
    draw = Random(f"hour/{options.seed}")
    order = list(range(len(specs)))
    draw.shuffle(order)
    kinds = iter(order)

    def pick(share: float) -> frozenset[int]:
        return frozenset(islice(kinds, round(share * len(specs))))

    deaf, mute, refusing, leaving = pick(options.deaf), pick(options.mute), pick(options.refusing), pick(options.leaving)
    made = []
    for number, spec in enumerate(specs):
        fault = Fault.SILENT if number in mute else Fault.REJECTING if number in refusing else Fault.NONE
        trips = spec.trips
        if number in leaving:
            at_s = SETTLE_S + draw.uniform(0.05, 0.95) * options.duration_s
            trips = replace(trips, first_departure_s=at_s, back_at_s=None, announced=False)
        made.append(replace(spec, fault=fault, trips=trips))
    return tuple(made), frozenset(specs[number].vehicle_id for number in deaf)


class _Air(Outbox):
    """What vehicles say reaches the engine at once."""

    def __init__(self, say: Callable[[Outgoing], None]) -> None:
        super().__init__()
        self._say = say

    def put(self, message: Outgoing) -> None:
        self.sent += 1
        self._say(message)


class MemoryLink(MqttLink):
    """The engine's connection, with the simulated vehicles at its other end; the `deaf` hear no command."""

    def __init__(self, on_message: MessageHandler, on_link: LinkHandler, topics: Topics, deaf: frozenset[str]) -> None:
        self._on_message, self._on_link = on_message, on_link
        self._topics, self._deaf = topics, deaf
        self._state = LinkState.CONNECTING
        self._dialogue: Dialogue | None = None
        self.stations: dict[str, Station] = {}
        self.commands = 0

    def people(self, specs: Iterable[VehicleSpec], dialogue: Dialogue) -> None:
        """Put vehicles at the other end."""
        self._dialogue, air = dialogue, _Air(lambda message: self._on_message(message.topic, message.payload, False))
        for spec in specs:
            station = Station(Vehicle(spec, dialogue.clock()), air, told_plugged=spec.trips.back_at_s is None)
            self.stations[spec.vehicle_id] = station

    async def start(self) -> None:
        self._state = LinkState.UP
        self._on_link(self.health())

    async def wait_up(self, timeout_s: float) -> bool:
        return self._state is LinkState.UP

    async def close(self) -> None:
        self._state = LinkState.CLOSED

    def health(self) -> LinkHealth:
        return LinkHealth(
            state=self._state,
            broker="mqtts://broker.example:8883",
            protocol="MQTT 5",
            cause=LinkCause.NONE,
            cause_text="",
            attempt=0,
            receive_maximum=None,
            certificate_days=None,
            refused={},
        )

    async def publish(self, message: Outgoing) -> PublishOutcome:
        if message.topic == self._topics.discovery and self._dialogue is not None:
            loop = asyncio.get_running_loop()
            for station in self.stations.values():
                loop.call_soon(self._dialogue.on_hello, station)
        return PublishOutcome.SENT

    async def publish_many(self, messages: Iterable[Outgoing], on_outcome: Callable[[int, PublishOutcome], None]) -> None:
        waiting, position = iter(messages), 0
        while batch := [self._deliver(message) for message in islice(waiting, WINDOW)]:
            await asyncio.sleep(ROUND_TRIP_S)
            for outcome in batch:
                on_outcome(position, outcome)
                position += 1

    def _deliver(self, message: Outgoing) -> PublishOutcome:
        heard = self._topics.classify(message.topic)
        assert heard is not None
        assert heard.kind is Kind.COMMAND
        assert self._dialogue is not None
        self.commands += 1
        if heard.vehicle_id not in self._deaf:
            self._dialogue.on_command(self.stations[heard.vehicle_id], message.payload)
        return PublishOutcome.SENT


class Hour:
    """Engine, link and vehicles of one run; must be made and used on a `VirtualLoop`."""

    def __init__(self, options: HourOptions) -> None:
        self.options = options
        self._clock = VirtualClock(asyncio.get_running_loop())
        self._settings = Settings.model_validate(
            {"dispatch": {"ack_timeout_seconds": ACK_TIMEOUT_S, "reallocation": options.reallocation}, "telemetry": {"interval_s": 10.0}}
        )
        self._specs, self._deaf = make_specs(options)
        self.engine = Engine(
            self._settings,
            clock=self._clock,
            link_factory=lambda on_message, on_link, _, topics: self._make_link(on_message, on_link, topics),
            journal=MemoryJournal(10_000),
            metrics=Metrics(),
            prediction=NoPrediction(),
        )
        self._core = self.engine._core
        self._wheel = Wheel()
        told = SimulateOptions(vehicles=options.vehicles, seed=options.seed, latency_ms=ACK_LATENCY_MS)
        dialogue = Dialogue(told, self._core.topics, self._wheel, clock=self.now)
        self._link.people(self._specs, dialogue)
        self._dialogue = dialogue
        began = self.now()
        self._left_alone = {spec.vehicle_id: Vehicle(spec, began) for spec in self._specs}
        self._ever: set[int] = set()

    def _make_link(self, on_message: MessageHandler, on_link: LinkHandler, topics: Topics) -> MemoryLink:
        self._link = MemoryLink(on_message, on_link, topics, self._deaf)
        return self._link

    def now(self) -> Moment:
        """The moment as the vehicles know it."""
        return Moment(self._clock.monotonic(), self._clock.utc())

    async def run(self) -> HourResult:
        """Discover the fleet, dispatch, sample each second until the end."""
        turning = asyncio.create_task(self._turn())
        await self.engine.start()
        self._dialogue.begin(list(self._link.stations.values()))
        await asyncio.sleep(SETTLE_S)
        options = self.options
        request = Dispatch(signal="MA", power_kw=options.target_kw, duration_s=options.duration_s)
        reply = await self.engine.request(request, ORIGIN)
        assert isinstance(reply, Accepted), reply
        running = self._core.find(reply.dispatch_id)
        assert running is not None
        samples = await self._samples(running)
        await self._over(running)
        turning.cancel()
        await asyncio.gather(turning, return_exceptions=True)
        await self.engine.wind_down("release")
        await self.engine.close()
        return self._result(running, samples)

    async def _over(self, running: Running) -> None:
        while not running.over:
            running.changed.clear()
            await running.changed.wait()

    async def _turn(self) -> None:
        while True:
            self._wheel.run_due(self._clock.monotonic())
            await asyncio.sleep(max(0.01, min(1.0, self._wheel.next_due_s() - self._clock.monotonic())))

    async def _samples(self, running: Running) -> list[Sample]:
        assert running.started_at is not None
        samples: list[Sample] = []
        for second in range(int(self.options.duration_s)):
            await asyncio.sleep(max(0.0, running.started_at + second - self._clock.monotonic()))
            if running.state is DispatchState.RELEASING or running.over:
                break
            samples.append(self._sample(running))
        return samples

    def _sample(self, running: Running) -> Sample:
        sums = totals(self._core, running)
        assert running.started_at is not None
        return Sample(
            at_s=self._clock.monotonic() - running.started_at,
            target_kw=running.target_kw,
            true_kw=self._true_kw(running),
            believed_kw=believe(self._core, running).total_kw,
            acknowledged_kw=sums.acknowledged_kw,
            delivered_kw=sums.delivered_kw,
            commands=self._link.commands,
        )

    def _true_kw(self, running: Running) -> float:
        """What every vehicle the dispatch ever commanded really gives.

        Counted from the frozen baseline while the dispatch owns it, from what it would do if nobody had ever asked it after that; a vehicle
        that has left gives nothing.
        """
        self._ever.update(running.row_list)
        at, fleet, total_kw = self.now(), self._core.fleet, 0.0
        for row in self._ever:
            vehicle_id = fleet.ids[row]
            vehicle = self._link.stations[vehicle_id].vehicle
            power_kw = vehicle.power_kw(at)
            if not vehicle.plugged:
                continue
            owned = fleet.owner[row] == running.slot
            total_kw += power_kw - (float(fleet.baseline_kw[row]) if owned else self._left_alone[vehicle_id].power_kw(at))
        return total_kw

    def _result(self, running: Running, samples: list[Sample]) -> HourResult:
        faults = [spec.fault for spec in self._specs]
        gone = [
            spec for spec in self._specs if not spec.trips.announced and spec.trips.first_departure_s < SETTLE_S + self.options.duration_s
        ]
        return HourResult(
            options=self.options,
            samples=tuple(samples),
            deaf=len(self._deaf),
            mute=faults.count(Fault.SILENT),
            refusing=faults.count(Fault.REJECTING),
            left=len(gone),
            taken=len(self._ever),
            outcome=running.state.value,
        )


def run_hour(options: HourOptions) -> HourResult:
    """One run, on a loop of its own with virtual time."""

    async def run() -> HourResult:
        return await Hour(options).run()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())
