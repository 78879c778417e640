"""The engine: owns fleet and dispatches, answers the contract, and runs until it is shut down."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Literal

import numpy as np

from v2g_console.allocation import Weights
from v2g_console.allocation.tuner import AckTuner, NoTuner, Tuner
from v2g_console.config.os_users import own_user
from v2g_console.config.settings import DispatchSettings, Settings
from v2g_console.contract.events import EngineReady, EventBatch, LinkChanged
from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.contract.replies import Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import Snapshot, TracePoint
from v2g_console.domain.capability import CapabilityRules
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine import bounds, reallocation
from v2g_console.engine.access import Access
from v2g_console.engine.acks import Acks
from v2g_console.engine.acting import Acting
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.approvals import Approvals
from v2g_console.engine.clock import Clock
from v2g_console.engine.core import Core
from v2g_console.engine.discovery import Discovery
from v2g_console.engine.dispatch import HOLDING, Rows, Running
from v2g_console.engine.expected import believe
from v2g_console.engine.fleet import Fleet
from v2g_console.engine.gate import Gate
from v2g_console.engine.grid import Grid
from v2g_console.engine.guard import admit_again
from v2g_console.engine.handover import Handover
from v2g_console.engine.headroom import Headroom
from v2g_console.engine.holds import StandingHolds
from v2g_console.engine.inhibit import Inhibitor
from v2g_console.engine.leaving import Leaving
from v2g_console.engine.mirror import mirror
from v2g_console.engine.outlook import outlook_of
from v2g_console.engine.owed import Owed
from v2g_console.engine.plans import Plans
from v2g_console.engine.queries import Queries
from v2g_console.engine.recover import recover
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.renewals import due_for_renewal, expire, renew
from v2g_console.engine.report import report_progress
from v2g_console.engine.resume import send_again
from v2g_console.engine.retarget import course_due, follow
from v2g_console.engine.rounds import due_for_retry, outdated, resend, send_round, time_out
from v2g_console.engine.site_map import SiteMap
from v2g_console.engine.snapshots import Snapshots
from v2g_console.engine.standing import Standing
from v2g_console.engine.stop import Stopping
from v2g_console.engine.stream import EventStream
from v2g_console.engine.tagging import Tagging
from v2g_console.engine.totals import totals
from v2g_console.engine.watch import Watch
from v2g_console.journal.port import Journal, JournalError
from v2g_console.journal.recovery import Recovered
from v2g_console.metrics import Metrics
from v2g_console.prediction import PredictionEngine
from v2g_console.transport.inbound import Inbound
from v2g_console.transport.port import LinkHandler, MessageHandler, MqttLink
from v2g_console.transport.refused import Cause, RefusedLog, RefusedMessageError
from v2g_console.transport.topics import Topics
from v2g_console.transport.wire import Ack, Description, Telemetry

log = logging.getLogger(__name__)

TICK_S = 0.05
PROGRESS_S = 0.5
TRACE_POINTS = 600
LAG_WINDOW_TICKS = 200
OUTLOOK_S = 5.0
LONGEST_WEAR_S = 10.0


def _tuner(dispatch: DispatchSettings) -> Tuner:
    """What may change weights: nothing, unless the configuration says so."""
    if dispatch.tuner == "none":
        return NoTuner()
    configured = dispatch.weights.availability
    return AckTuner(configured, most=max(0.5, configured))


LinkFactory = Callable[[MessageHandler, LinkHandler, RefusedLog, Topics], MqttLink]


class Engine:
    """Implements `contract.port.EnginePort` for callers on its own loop. Build, `start`, `wind_down` and `close` it there.

    `owner` is who started it; empty: the user of this process.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        link_factory: LinkFactory,
        journal: Journal,
        metrics: Metrics,
        prediction: PredictionEngine,
        read_only: bool = False,
        demo: bool = False,
        owner: str = "",
        found: Recovered | None = None,
    ) -> None:
        topics = Topics.from_settings(settings.mqtt, settings.telemetry)
        refused = RefusedLog()
        inbound = Inbound(
            topics,
            self._on_ack,
            self._on_telemetry,
            self._on_description,
            refused,
            monotonic=clock.monotonic,
            telemetry_max_per_s=settings.telemetry.max_per_s,
        )
        soc, dispatch = settings.dispatch.soc, settings.dispatch
        self._core = core = Core(
            settings=settings,
            clock=clock,
            fleet=Fleet(
                max_vehicles=settings.fleet.max_vehicles,
                default_min_soc=soc.default_min_soc,
                interval_s=settings.telemetry.interval_s,
                site_map=SiteMap.from_settings(settings.fleet.sites),
            ),
            link=link_factory(inbound, self._on_link, refused, topics),
            topics=topics,
            journal=journal,
            stream=EventStream(),
            metrics=metrics,
            prediction=prediction,
            rules=CapabilityRules(
                charge_efficiency=dispatch.charge_efficiency,
                discharge_efficiency=dispatch.discharge_efficiency,
                safe_discharge_floor=soc.safe_discharge_floor,
                soc_ceiling=soc.soc_ceiling,
                departure_margin_s=dispatch.departure_margin_s,
                protect_below_min_soc=dispatch.protect_below_min_soc,
            ),
            read_only=read_only,
            standing=Standing(dispatch.trust),
            grid=Grid.from_settings(settings.grid),
            weights=Weights(**dispatch.weights.model_dump()),
            tuner=_tuner(dispatch),
        )
        self._owed = Owed(core)
        self._acks = Acks(core, self._owed)
        self._alarms = Alarms(core, found.holds.shelved if found is not None else ())
        self._headroom = Headroom(core)
        self._plans = Plans(core)
        self._access = Access(settings.access, clock, owner or own_user())
        self._approvals = Approvals(core)
        self._stopping, self._inhibitor = Stopping(core, self._owed), Inhibitor(core, self._owed)
        self._holds = StandingHolds(core, self._alarms)
        self._snapshots = Snapshots(core, self._alarms, self._headroom, self._access, self._approvals, self._stopping, demo=demo)
        self._acting = Acting(core, self._plans, self._owed, self._approvals, self._stopping)
        tagging = Tagging(core, self._inhibitor, self._access)
        queries = Queries(core, self._owed, self._headroom, self._snapshots, self._approvals, self._stopping)
        handover = Handover(core, self._snapshots)
        self._gate = Gate(core, self._plans, self._alarms, self._acting, queries, self._access, self._approvals, tagging, handover)
        self._leaving = Leaving(core, self._acting, self._owed)
        self._watch = Watch(core, self._alarms, self._owed)
        self._discovery = Discovery(core)
        self._recovery = recover(core, self._owed, found or Recovered())
        self._alarms.set("recovered", "", bool(self._recovery.text), self._recovery.text)
        self._tasks: list[asyncio.Task[None]] = []
        self._rounds: set[asyncio.Task[None]] = set()
        self._begun_at = clock.monotonic()
        self._link_state = LinkState.CONNECTING
        self._lags = np.zeros(LAG_WINDOW_TICKS)
        self._ticks = 0
        self._second_at = self._progress_at = self._observed_at = -float("inf")

    @property
    def ticks(self) -> int:
        """How often deadlines have been looked after: it grows for as long as the engine is alive."""
        return self._ticks

    async def start(self) -> None:
        """Begin connecting, and return at once."""
        self._begun_at = self._core.clock.monotonic()
        for running in self._recovery.resumed:
            self._acting.enliven(running, partial(send_again, self._core, running, self._owed))
        for running in self._recovery.scheduled:
            self._acting.enliven(running)
        await self._core.link.start()
        self._tasks = [asyncio.create_task(self._tick_for_ever(), name="engine ticker")]

    async def look_up_people(self) -> None:
        """Ask the operating system about who started this engine and about the names in the configuration; unknown ones are logged."""
        await self._access.get_ready()

    async def request(self, request: Request, origin: Origin) -> Reply:
        """See `contract.port.EnginePort`."""
        return await self._gate.request(request, origin)

    async def snapshot(self) -> Snapshot:
        """See `contract.port.EnginePort`."""
        return self._snapshots.newest()

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """See `contract.port.EnginePort`."""
        return await self._core.stream.read(after, wait_s)

    async def wind_down(self, policy: Literal["release", "drain"]) -> int:
        """Take no more dispatches; release the running ones now, or let them run out first. Returns how many releases are still owed."""
        return await self._leaving.wind_down(policy)

    def hurry(self) -> None:
        """Somebody is impatient: drain no longer, and wait no more than a second for releases to be confirmed. Call it on the loop."""
        self._leaving.hurry()

    async def close(self) -> None:
        """Stop ticking, close link and journal. Call `wind_down` first. Idempotent."""
        tasks, self._tasks = [*self._tasks, *self._rounds], []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._inhibitor.close()
        await self._owed.close()
        await self._access.close()
        self._core.flush_notes()
        self._core.aside.close()
        await self._core.link.close()
        await self._core.journal.close()

    def _on_ack(self, vehicle_id: str, ack: Ack) -> None:
        self._acks.take(vehicle_id, ack)

    def _on_telemetry(self, vehicle_id: str, told: Telemetry) -> None:
        core = self._core
        row = core.fleet.row(vehicle_id)
        if row < 0:
            raise RefusedMessageError(Cause.FLEET_FULL)
        if core.fleet.measure(row, told, core.clock.monotonic(), core.clock.utc()):
            self._discovery.news()
            if not core.fleet.described[row]:
                self._discovery.undescribed()
        if core.fleet.owed[row]:
            self._owed.sign_of_life(row, told.ts_s)

    def _on_description(self, vehicle_id: str, told: Description) -> None:
        core = self._core
        row = core.fleet.row(vehicle_id)
        if row < 0:
            raise RefusedMessageError(Cause.FLEET_FULL)
        if core.fleet.describe(row, told, core.clock.monotonic(), core.clock.utc()):
            self._discovery.news()
        if core.fleet.owed[row]:
            self._owed.sign_of_life(row)

    def _on_link(self, health: LinkHealth) -> None:
        core, before = self._core, self._link_state
        self._link_state = health.state
        if health.state is not before:
            core.emit(
                LinkChanged(ts=core.ts(), state=health.state.value, cause=health.cause.value, text=health.cause_text, broker=health.broker)
            )
        if health.state is LinkState.UP and before is not LinkState.SUSPECT:
            self._spawn(self._reconnected())

    async def _reconnected(self) -> None:
        """The link is up (again): ask the fleet; what a running dispatch could not send before is decided and sent anew."""
        await self._discovery.ask()
        for running in list(self._core.running.values()):
            if running.sends:
                await self._resend_unsent(running)

    async def _resend_unsent(self, running: Running) -> None:
        unsent = np.isin(running.command_state, (CommandState.FAILED, CommandState.DROPPED))
        failed = np.flatnonzero(unsent & running.held(self._core.fleet.owner))
        if len(failed):
            await self._guarded(self._send_again(running, failed))

    async def _send_again(self, running: Running, positions: Rows) -> None:
        admit_again(self._core, running, positions)
        await send_round(self._core, running, positions, "retry")

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._rounds.add(task)
        task.add_done_callback(self._rounds.discard)

    async def _guarded(self, sending: Coroutine[None, None, None]) -> None:
        try:
            await sending
        except RefusalError as error:
            log.warning("not sent: %s", error.message)
        except JournalError as error:
            log.error("the journal did not take a round, so it was not sent: %s", error)

    async def _tick_for_ever(self) -> None:
        """Every 50 ms: deadlines. Every second: ages, headroom, alarms. A tick that fails is logged and the next one comes."""
        clock = self._core.clock
        while True:
            due_at = clock.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            now = clock.monotonic()
            self._lags[self._ticks % LAG_WINDOW_TICKS] = now - due_at
            self._ticks += 1
            try:
                await self._tick(now)
            except Exception:
                log.exception("engine tick failed")

    async def _tick(self, now: float) -> None:
        core = self._core
        for running in list(core.running.values()):
            self._advance(running, now)
        self._owed.tick(now)
        core.flush_notes()
        asking = self._discovery.due(now)
        if asking is not None:
            self._spawn(asking)
        if not self._snapshots.ready:
            self._tell_ready(now)
        if now - self._progress_at >= PROGRESS_S:
            self._progress_at = now
            for running in core.running.values():
                if running.state in HOLDING:
                    self._trace(running, now)
                    report_progress(core, running)
        if now - self._second_at >= 1.0:
            since_s, self._second_at = now - self._second_at, now
            core.standing.use(core.fleet, min(since_s, LONGEST_WEAR_S))
            self._each_second(now)

    def _advance(self, running: Running, now: float) -> None:
        """Deadlines of one dispatch."""
        core = self._core
        mirror(core, running)
        if running.sends:
            time_out(core, running, now)
            expire(core, running)
            retries = due_for_retry(core, running, now)
            # MQTT 3.1.1 knows no expiry: whoever acknowledges an old command may have applied it after the newest.
            again = [*retries, *outdated(core, running)]
            if again and core.link_up():
                self._spawn(resend(core, running, again))
            broken = bounds.look(core, running, now)
            if broken is not None:
                self._spawn(self._guarded(bounds.correct(core, running, broken)))
            if running.state is DispatchState.ACTIVE:
                renewals = due_for_renewal(core, running)
                if len(renewals) and core.link_up():
                    self._spawn(self._guarded(renew(core, running, renewals)))
            if course_due(core, running, now):
                self._spawn(self._guarded(follow(core, running)))
            elif not running.reallocating and reallocation.due(core, running, now):
                running.reallocating = True
                self._spawn(self._close_gap(running))
        running.changed.set()

    async def _close_gap(self, running: Running) -> None:
        try:
            await self._guarded(reallocation.close_gap(self._core, running, self._owed))
        finally:
            running.reallocating = False

    def _each_second(self, now: float) -> None:
        core = self._core
        self._approvals.expire()
        core.fleet.age(now)
        self._inhibitor.take_out()  # also who came under a tag since, by moving to another site
        self._holds.look(now)
        for running in core.running.values():
            if running.state is DispatchState.ACTIVE:
                reallocation.judge(core, running, now)
            if running.sends and now >= running.outlook_at:
                running.outlook_at = now + OUTLOOK_S
                ahead = outlook_of(core, running)
                running.holds_s, running.rebound_kw = ahead.holds_s, ahead.rebound_kw
        summary = self._headroom.compute(len(self._owed))
        self._snapshots.loop_lag_ms = float(np.max(self._lags)) * 1000
        health = core.link.health()
        self._watch.look(health, summary)
        self._alarms.tick()
        self._alarms.set("recovered", "", not self._recovery.settled(), self._recovery.text)
        if now - self._observed_at >= 60.0:
            self._observed_at = now
            core.standing.fade(now)
            rows = np.flatnonzero(np.isfinite(core.fleet.measured_at[: len(core.fleet)]))
            core.prediction.observe(rows, core.fleet.available[rows].copy(), core.clock.utc())
        newest = self._snapshots.newest()
        core.metrics.odd_acks = {
            "unknown": core.unknown_acks, "wrong_vehicle": core.mismatched_acks, "duplicate": core.duplicate_acks, "late": core.late_acks,
        }  # fmt: skip
        core.metrics.refresh(engine=newest.engine, fleet=summary, link=health, dispatches=newest.dispatches)

    def _trace(self, running: Running, now: float) -> None:
        """Keep a point of target, acknowledged and delivered power; a long dispatch keeps every second point when the list is full."""
        if running.started_at is None:
            return
        sums = totals(self._core, running)
        running.tracking.feed(now, running.target_kw, believe(self._core, running).total_kw)
        if len(running.trace) >= TRACE_POINTS:
            del running.trace[::2]
        running.trace.append(TracePoint(now - running.started_at, running.target_kw, sums.acknowledged_kw, sums.delivered_kw))

    def _tell_ready(self, now: float) -> None:
        """`engine.ready` once, when the link is up and discovery has gone quiet."""
        core, health = self._core, self._core.link.health()
        if health.state is not LinkState.UP or not self._discovery.quiet(now):
            return
        self._snapshots.ready = True
        core.fleet.age(now)
        core.emit(
            EngineReady(
                ts=core.ts(),
                version=self._snapshots.engine_info().version,
                user=self._access.owner,
                role=self._access.last_known(self._access.owner).value,
                broker=health.broker,
                protocol=health.protocol,
                vehicles=len(core.fleet),
                startup_ms=round((now - self._begun_at) * 1000, 1),
            )
        )
