"""Dispatch events: one flat record for each step of a dispatch."""

from typing import Any

import numpy as np

from v2g_console.contract import events
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.by_vehicle import command_counts, release_counts, vehicles_of
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.engine.totals import latencies_ms, silent, totals

_EVENT_OF_STATE: dict[DispatchState, type[events.DispatchEvent]] = {
    DispatchState.SENDING: events.DispatchSending,
    DispatchState.AWAITING_ACKS: events.DispatchProgress,
    DispatchState.ACTIVE: events.DispatchActive,
    DispatchState.RELEASING: events.DispatchReleasing,
    DispatchState.COMPLETED: events.DispatchCompleted,
    DispatchState.FAILED: events.DispatchFailed,
    DispatchState.CANCELLED: events.DispatchCancelled,
    DispatchState.STOPPED: events.DispatchStopped,
    DispatchState.EXPIRED: events.DispatchFailed,
}


def report(core: Core, running: Running) -> None:
    """Emit the event of the state the dispatch is in."""
    core.emit(_EVENT_OF_STATE[running.state](**_fields(core, running)))


def report_progress(core: Core, running: Running) -> None:
    """Emit how far the dispatch is, if that changed since the last time."""
    fields = _fields(core, running)
    seen = tuple(value for name, value in fields.items() if name != "ts")
    if seen != running.reported:
        running.reported = seen
        core.emit(events.DispatchProgress(**fields))


def report_planned(core: Core, running: Running) -> None:
    """Emit the decision."""
    core.emit(
        events.DispatchPlanned(
            **_fields(core, running),
            duration_s=running.duration_s,
            left_out=running.left_out,
            without_lease_kw=round(running.without_lease_kw, 3),
            holds_s=None if running.holds_s is None else round(running.holds_s),
        )
    )


def _fields(core: Core, running: Running) -> dict[str, Any]:
    sums, counts, released = totals(core, running), command_counts(running), release_counts(running)
    times = latencies_ms(running)
    p50, p95 = (float(value) for value in np.percentile(times, (50, 95))) if len(times) else (None, None)
    return {
        "ts": core.ts(),
        "dispatch_id": running.dispatch_id,
        "signal": running.signal.value,
        "state": running.state.value,
        "note": running.product.note,
        "requested_kw": running.target_kw,
        "allocated_kw": round(sums.allocated_kw, 3),
        "acknowledged_kw": round(sums.acknowledged_kw, 3),
        "delivered_kw": None if sums.delivered_kw is None else round(sums.delivered_kw, 3),
        "delivered_coverage": round(sums.delivered_coverage, 4),
        "uncertain_kw": round(sums.uncertain_kw, 3),
        "shortfall_kw": round(sums.shortfall_kw, 3),
        "vehicles": vehicles_of(running),
        "acked": counts[CommandState.ACKED],
        "limited": counts[CommandState.LIMITED],
        "rejected": counts[CommandState.REJECTED],
        "silent": silent(counts),
        "pending": running.pending,
        "reason": running.outcome_reason,
        "latency_p50_ms": None if p50 is None else round(p50, 1),
        "latency_p95_ms": None if p95 is None else round(p95, 1),
        "released": released[ReleaseState.CONFIRMED],
        "lease_ended": released[ReleaseState.LEASE_ENDED],
        "owed": released[ReleaseState.OWED],
        "rebound_kw": round(running.rebound_kw, 3),
    }
