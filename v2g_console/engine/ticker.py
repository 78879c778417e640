"""What happens by itself: every 50 ms deadlines, every half second progress, every second ages, headroom and alarms."""

import asyncio
import logging

import numpy as np

from v2g_console.contract.events import EngineReady
from v2g_console.contract.link import LinkState
from v2g_console.contract.snapshot import FleetSummary, TracePoint
from v2g_console.domain.states import DispatchState
from v2g_console.engine import reallocation
from v2g_console.engine.deadlines import Deadlines
from v2g_console.engine.dispatch import HOLDING, Running
from v2g_console.engine.expected import believe
from v2g_console.engine.outlook import outlook_of
from v2g_console.engine.parts import Parts
from v2g_console.engine.report import report_progress
from v2g_console.engine.totals import totals

log = logging.getLogger(__name__)

TICK_S = 0.05
PROGRESS_S = 0.5
TRACE_POINTS = 600
LAG_WINDOW_TICKS = 200
OUTLOOK_S = 5.0
OBSERVE_S = 60.0
LONGEST_WEAR_S = 10.0


class Ticker:
    """Ticks until it is cancelled; `ticks` says how often it has, so it grows for as long as the engine is alive."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._deadlines = Deadlines(parts.core, parts.owed, parts.errands)
        self.ticks = 0
        self._begun_at = parts.core.clock.monotonic()
        self._lags = np.zeros(LAG_WINDOW_TICKS)
        self._second_at = self._progress_at = self._observed_at = -float("inf")

    def begin(self) -> None:
        """The engine starts now: what `engine.ready` counts from."""
        self._begun_at = self._parts.core.clock.monotonic()

    async def tick_for_ever(self) -> None:
        """Every 50 ms: deadlines. Every second: ages, headroom, alarms. A tick that fails is logged and the next one comes."""
        clock = self._parts.core.clock
        while True:
            due_at = clock.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            now = clock.monotonic()
            self._lags[self.ticks % LAG_WINDOW_TICKS] = now - due_at
            self.ticks += 1
            try:
                await self._tick(now)
            except Exception:
                log.exception("engine tick failed")

    async def _tick(self, now: float) -> None:
        parts, core = self._parts, self._parts.core
        for running in list(core.running.values()):
            self._look(running, now)
        parts.owed.tick(now)
        core.flush_notes()
        asking = parts.discovery.due(now)
        if asking is not None:
            parts.errands.run(asking)
        if not parts.snapshots.ready:
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

    def _look(self, running: Running, now: float) -> None:
        """A dispatch that can't be looked at keeps no other one from its deadlines."""
        try:
            self._deadlines.look(running, now)
        except Exception:
            log.exception("the deadlines of dispatch %s were not looked at", running.short_id)

    def _each_second(self, now: float) -> None:
        parts, core = self._parts, self._parts.core
        parts.approvals.expire()
        parts.gate.tell_refusals(now)
        core.fleet.age(now)
        parts.inhibitor.take_out()  # also who came under a tag since, by moving to another site
        parts.inhibitor.take_out_moved()
        parts.holds.look(now)
        parts.ecowatt.look()
        for running in core.running.values():
            if running.state is DispatchState.ACTIVE:
                reallocation.judge(core, running, now)
            if running.sends and now >= running.outlook_at:
                running.outlook_at = now + OUTLOOK_S
                ahead = outlook_of(core, running)
                running.holds_s, running.rebound_kw = ahead.holds_s, ahead.rebound_kw
        summary = parts.headroom.compute(len(parts.owed))
        parts.snapshots.loop_lag_ms = float(np.max(self._lags)) * 1000
        parts.watch.look(core.link.health(), summary)
        parts.alarms.tick()
        parts.alarms.set("recovered", "", not parts.recovery.settled(), parts.recovery.text)
        if now - self._observed_at >= OBSERVE_S:
            self._observed_at = now
            self._observe(now)
        self._measure(summary)

    def _observe(self, now: float) -> None:
        """What is learnt of the fleet, about once a minute."""
        core = self._parts.core
        core.standing.fade(now)
        rows = np.flatnonzero(np.isfinite(core.fleet.measured_at[: len(core.fleet)]))
        core.prediction.observe(rows, core.fleet.available[rows].copy(), core.clock.utc())

    def _measure(self, fleet: FleetSummary) -> None:
        """Bring the metrics up to date."""
        core, newest = self._parts.core, self._parts.snapshots.newest()
        core.metrics.odd_acks = {
            "unknown": core.unknown_acks, "wrong_vehicle": core.mismatched_acks, "duplicate": core.duplicate_acks, "late": core.late_acks,
        }  # fmt: skip
        core.metrics.refresh(engine=newest.engine, fleet=fleet, link=core.link.health(), dispatches=newest.dispatches)

    def _trace(self, running: Running, now: float) -> None:
        """Keep a point of target, acknowledged and delivered power; a long dispatch keeps every second point when the list is full."""
        if running.started_at is None:
            return
        core = self._parts.core
        sums = totals(core, running)
        running.tracking.feed(now, running.target_kw, believe(core, running).total_kw)
        if len(running.trace) >= TRACE_POINTS:
            del running.trace[::2]
        running.trace.append(TracePoint(now - running.started_at, running.target_kw, sums.acknowledged_kw, sums.delivered_kw))

    def _tell_ready(self, now: float) -> None:
        """`engine.ready` once, when the link is up and discovery has gone quiet."""
        parts, core, health = self._parts, self._parts.core, self._parts.core.link.health()
        if health.state is not LinkState.UP or not parts.discovery.quiet(now):
            return
        parts.snapshots.ready = True
        core.fleet.age(now)
        core.emit(
            EngineReady(
                ts=core.ts(),
                version=parts.snapshots.engine_info().version,
                user=parts.access.owner,
                role=parts.access.last_known(parts.access.owner).value,
                broker=health.broker,
                protocol=health.protocol,
                vehicles=len(core.fleet),
                startup_ms=round((now - self._begun_at) * 1000, 1),
            )
        )
