"""The regulation of all dispatches together at its worst: what every vehicle may be following now, for the interlocks.

A vehicle counts from the moment a setpoint is intended for it until its release is confirmed, with the highest and the lowest of the
setpoints it may follow. Who refused or stayed silent counts with what was measured of it, once that is settled.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.states import CommandState
from v2g_console.engine.core import Core
from v2g_console.engine.fleet import Fleet

Rows = NDArray[np.intp]
F8 = NDArray[np.float64]
_TO_COME = [int(state) for state in (CommandState.PLANNED, CommandState.QUEUED, CommandState.DROPPED, CommandState.FAILED)]
_DOUBTFUL = [int(state) for state in (CommandState.REJECTED, CommandState.TIMED_OUT, CommandState.EXPIRED)]


@dataclass(frozen=True, slots=True)
class Counted:
    """Sums over vehicles, both at least 0, in kW: regulation upwards and downwards."""

    up_kw: float
    down_kw: float


@dataclass(frozen=True, slots=True)
class Move:
    """Setpoints about to be given: fleet rows, absolute setpoints and frozen baselines in kW, all of one length."""

    rows: Rows
    setpoint_kw: F8
    baseline_kw: F8


NO_MOVE = Move(np.zeros(0, np.intp), np.zeros(0), np.zeros(0))


def counted(core: Core, move: Move = NO_MOVE, *, without_slot: int | None = None) -> Counted:
    """The worst sums, with `move` carried out, without the vehicles that the dispatch in `without_slot` owns."""
    fleet, n = core.fleet, len(core.fleet)
    held = (fleet.owner[:n] >= 0) | fleet.owed[:n]
    if without_slot is not None:
        held &= fleet.owner[:n] != without_slot
    low_kw, high_kw = _open_range(fleet)
    low_kw, high_kw = np.where(held, low_kw, np.nan), np.where(held, high_kw, np.nan)
    doubtful = fleet.owed[:n].copy()
    for running in core.running.values():
        mine = running.held(fleet.owner)
        coming = np.flatnonzero(mine & np.isin(running.command_state, _TO_COME))
        rows = running.rows[coming]
        low_kw[rows] = np.fmin(low_kw[rows], running.setpoint_kw[coming])
        high_kw[rows] = np.fmax(high_kw[rows], running.setpoint_kw[coming])
        doubtful[running.rows[mine & np.isin(running.command_state, _DOUBTFUL)]] = True
    response_s = core.settings.dispatch.response_s
    seen = doubtful & held & (fleet.measured_at[:n] > fleet.commanded_at[:n] + response_s) & np.isfinite(fleet.power_kw[:n])
    low_kw, high_kw = np.where(seen, fleet.power_kw[:n], low_kw), np.where(seen, fleet.power_kw[:n], high_kw)
    baseline_kw = fleet.baseline_kw[:n].copy()
    baseline_kw[move.rows] = move.baseline_kw
    low_kw[move.rows] = np.fmin(low_kw[move.rows], move.setpoint_kw)
    high_kw[move.rows] = np.fmax(high_kw[move.rows], move.setpoint_kw)
    held[move.rows] = True
    if without_slot is not None:
        held &= fleet.owner[:n] != without_slot
    up_kw, down_kw = np.fmax(high_kw - baseline_kw, 0.0), np.fmax(baseline_kw - low_kw, 0.0)
    return Counted(float(np.sum(up_kw[held])), float(np.sum(down_kw[held])))


def changed_kw(core: Core, move: Move) -> float:
    """How much `move` changes the sum of all setpoints, in kW."""
    fleet = core.fleet
    before_kw = fleet.setpoint_kw[move.rows]
    stands = (fleet.owner[move.rows] >= 0) & np.isfinite(before_kw)
    return abs(float(np.sum(move.setpoint_kw - np.where(stands, before_kw, move.baseline_kw))))


def _open_range(fleet: Fleet) -> tuple[F8, F8]:
    """Lowest and highest of the setpoints each vehicle (n) may follow; NaN: none."""
    n = len(fleet)
    known = np.stack((fleet.setpoint_kw[:n], fleet.confirmed_kw[:n], fleet.open_low_kw[:n], fleet.open_high_kw[:n]))
    return np.fmin.reduce(known, axis=0), np.fmax.reduce(known, axis=0)
