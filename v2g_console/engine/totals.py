"""Truth about power: what was asked, acknowledged, delivered, and what is uncertain (`domain.md`)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.snapshot import LATENCY_BINS_MS, AckProgress
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.domain.vehicle import Quality
from v2g_console.engine.by_vehicle import command_counts, release_counts, vehicles_of
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Running

_BIN_EDGES_MS = np.array([0.0, *LATENCY_BINS_MS, np.inf])
_RELEASED = (ReleaseState.CONFIRMED, ReleaseState.NOT_NEEDED, ReleaseState.LEASE_ENDED)
_NOT_GIVEN = (CommandState.REJECTED, CommandState.DROPPED, CommandState.SUPERSEDED)
_UNANSWERED = (CommandState.QUEUED, CommandState.PUBLISHED, CommandState.TIMED_OUT, CommandState.FAILED, CommandState.DROPPED)

_NOT_STARTED = frozenset({DispatchState.FAILED, DispatchState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Totals:
    """Regulation in kW relative to the baselines, positive = up. `shortfall_kw` counts in the target's direction: positive = missing."""

    allocated_kw: float
    acknowledged_kw: float
    delivered_kw: float | None
    delivered_coverage: float
    uncertain_kw: float
    shortfall_kw: float


def totals(core: Core, running: Running) -> Totals:
    """The totals of a dispatch now; after its end, as they were when its release began."""
    counts = ~running.left & ~np.isin(running.command_state, _NOT_GIVEN)
    allocated_kw = float(np.sum((running.setpoint_kw - running.baseline_kw)[counts]))
    if running.acknowledged_at_end_kw is not None:
        acknowledged_kw, uncertain_kw = running.acknowledged_at_end_kw, running.uncertain_at_end_kw
        delivered_kw, coverage = running.delivered_kw, running.delivered_coverage
    else:
        answered = running.answered()
        acknowledged_kw = float(np.sum((running.applied_kw - running.baseline_kw)[answered]))
        settled = settled_rows(core, running)
        delivered_kw, coverage = delivered(core, running, settled)
        released = np.isin(running.release_state, _RELEASED)
        unsure = np.isin(running.command_state, _UNANSWERED) & running.out & ~settled & ~released
        uncertain_kw = float(np.sum((running.setpoint_kw - running.baseline_kw)[unsure]))
        keeps = (running.command_state == CommandState.REJECTED) & np.isfinite(running.applied_kw) & running.out & ~settled & ~released
        uncertain_kw += float(np.sum((running.applied_kw - running.baseline_kw)[keeps]))
    direction = 1.0 if running.target_kw >= 0 else -1.0
    missing_kw = 0.0 if _owes_nothing(running) else direction * (running.target_kw - acknowledged_kw)
    return Totals(allocated_kw, acknowledged_kw, delivered_kw, coverage, uncertain_kw, missing_kw)


def _owes_nothing(running: Running) -> bool:
    """It waits for its start, or somebody ended it before: nothing is missing then. One that could not start misses everything."""
    return running.started_at is None and running.state not in _NOT_STARTED


def settled_rows(core: Core, running: Running, since: float = -np.inf) -> NDArray[np.bool_]:
    """Commanded rows with fresh telemetry measured after their command plus its response time, and after `since` (monotonic)."""
    measured_at = core.fleet.measured_at[running.rows]
    fresh = core.fleet.quality[running.rows] == Quality.FRESH
    after_command = measured_at > running.sent_at + core.settings.dispatch.response_s
    settled: NDArray[np.bool_] = running.out & fresh & after_command & (measured_at >= since)
    return settled


def delivered(core: Core, running: Running, rows: NDArray[np.bool_]) -> tuple[float | None, float]:
    """`(kW delivered by these rows, their share of the commanded vehicles)`; `(None, 0)` without any.

    Who was let go counts no more: taken anew it has a row of its own, and in another dispatch its power is that one's. A vehicle that drove
    away draws nothing, but not because of us: it delivers 0.
    """
    rows = rows & ~running.left
    commanded = int(np.count_nonzero(running.out & ~running.left))
    if not rows.any() or not commanded:
        return None, 0.0
    measured_kw = core.fleet.power_kw[running.rows[rows]] - running.baseline_kw[rows]
    there = core.fleet.available[running.rows[rows]]
    return float(np.sum(measured_kw[there])), float(np.count_nonzero(rows)) / commanded


def freeze_totals(core: Core, running: Running, now: float) -> None:
    """Keep the totals of the active time: delivered power comes from telemetry of its last half."""
    started_at = running.started_at if running.started_at is not None else now
    before = totals(core, running)
    in_last_half = settled_rows(core, running, since=started_at + (now - started_at) / 2)
    running.delivered_kw, running.delivered_coverage = delivered(core, running, in_last_half)
    running.uncertain_at_end_kw = before.uncertain_kw
    running.acknowledged_at_end_kw = before.acknowledged_kw


def latencies_ms(running: Running) -> NDArray[np.float64]:
    """Publish-to-ack times of the answered commands."""
    times = (running.acked_at - running.sent_at) * 1000.0
    return times[~np.isnan(times)]


def ack_progress(core: Core, running: Running, now: float) -> AckProgress:
    """How the answers come in, vehicle by vehicle."""
    counts = command_counts(running)
    times = latencies_ms(running)
    p50_ms, p95_ms, p99_ms = _percentiles_ms(times)
    waiting = running.command_state == CommandState.PUBLISHED
    retry_at = float(np.min(running.retry_at[waiting])) if waiting.any() else np.inf
    return AckProgress(
        commanded=vehicles_of(running),
        queued=counts[CommandState.PLANNED] + counts[CommandState.QUEUED],
        pending=counts[CommandState.PUBLISHED],
        acked=counts[CommandState.ACKED],
        limited=counts[CommandState.LIMITED],
        rejected=counts[CommandState.REJECTED],
        silent=silent(counts),
        let_go=counts[CommandState.SUPERSEDED] + counts[CommandState.RELEASED],
        attempt=int(np.max(running.attempt)) if len(running) else 0,
        attempts=core.settings.dispatch.retries + 1,
        retry_in_s=max(0.0, retry_at - now) if np.isfinite(retry_at) else None,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        histogram=tuple(int(count) for count in np.histogram(times, _BIN_EDGES_MS)[0]),
    )


def release_progress(core: Core, running: Running) -> AckProgress:
    """How the confirmations of the release come in, vehicle by vehicle."""
    counts = release_counts(running)
    times = (running.release_acked_at - running.release_sent_at) * 1000.0
    p50_ms, p95_ms, p99_ms = _percentiles_ms(times[~np.isnan(times)])
    return AckProgress(
        commanded=vehicles_of(running) - counts[ReleaseState.NOT_NEEDED] if running.release_seq else 0,
        pending=counts[ReleaseState.SENT],
        acked=counts[ReleaseState.CONFIRMED],
        silent=counts[ReleaseState.OWED],
        lease_ended=counts[ReleaseState.LEASE_ENDED],
        attempt=int(np.max(running.release_attempt)) if len(running) else 0,
        attempts=core.settings.dispatch.retries + 1,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
    )


def _percentiles_ms(times_ms: NDArray[np.float64]) -> tuple[float | None, float | None, float | None]:
    """P50, P95 and P99; None each where nothing was measured."""
    if not len(times_ms):
        return None, None, None
    p50_ms, p95_ms, p99_ms = (float(value) for value in np.percentile(times_ms, (50, 95, 99)))
    return p50_ms, p95_ms, p99_ms


def silent(counts: Sequence[int]) -> int:
    """Vehicles that got, or should have got, a command and did not answer, of counts by `CommandState`."""
    return counts[CommandState.TIMED_OUT] + counts[CommandState.FAILED] + counts[CommandState.DROPPED] + counts[CommandState.EXPIRED]
