"""Changing a dispatch whose vehicles are at sites with phase limits: who may move how far, and what must wait for others to make room."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import Problem
from v2g_console.allocation.reallocate import Reallocation
from v2g_console.allocation.swing import Swing
from v2g_console.engine.core import Core
from v2g_console.engine.fuses import within_phases
from v2g_console.engine.planning import USED_KW, Decision

F8 = NDArray[np.float64]
Rows = NDArray[np.intp]
_WORTH_KW: Final = 0.1
"""Less is not worth a message."""


def phases_of(core: Core, n: int) -> NDArray[np.bool_]:
    """Which vehicles (n) are at a site with phase limits."""
    phases = core.grid.phases if core.grid is not None else None
    return np.zeros(n, np.bool_) if phases is None else phases.site_of(core.fleet)[:n] >= 0


def up_to_fair_share(core: Core, decision: Decision, setpoint_kw: F8, low_kw: F8, high_kw: F8) -> tuple[F8, F8]:
    """`low_kw..high_kw` (n), narrowed at sites with phases: nobody moves beyond his fair share there, since all shares together fit."""
    at = phases_of(core, len(setpoint_kw))
    if not at.any():
        return low_kw, high_kw
    fair_kw = decision.vehicles.baseline_kw + decision.allocation.regulation_kw
    highest, lowest = np.fmax(setpoint_kw, fair_kw), np.fmin(setpoint_kw, fair_kw)
    return np.where(at, np.maximum(low_kw, lowest), low_kw), np.where(at, np.minimum(high_kw, highest), high_kw)


def all_to_their_shares(decision: Decision, rows: Rows, setpoint_kw: F8, low_kw: F8, high_kw: F8, target_kw: float) -> Swing:
    """Where phases bind: everybody of `rows` (k) from `setpoint_kw` (k) to the share that was found, as far as `low_kw..high_kw` (k) lets.

    A few movers can't get there: room for one is made by another one's going back.
    """
    baseline_kw = decision.vehicles.baseline_kw[rows]
    wanted_kw = np.clip(baseline_kw + decision.allocation.regulation_kw[rows], low_kw, high_kw)
    wanted_kw = np.where(np.isfinite(wanted_kw), wanted_kw, setpoint_kw)
    moved = np.flatnonzero(np.abs(wanted_kw - setpoint_kw) > _WORTH_KW)
    after_kw = setpoint_kw.copy()
    after_kw[moved] = wanted_kw[moved]
    return Swing(moved, wanted_kw[moved], target_kw - float(np.nansum(after_kw - baseline_kw)))


@dataclass(frozen=True, slots=True)
class Kept:
    """Moves (k) that the phases let through now; `waits_kw` is the power (signed) that must wait for vehicles that make room."""

    rows: Rows
    setpoint_kw: F8
    waits_kw: float


def let_through(core: Core, rows: Rows, setpoint_kw: F8, present_kw: F8, baseline_kw: F8) -> Kept:
    """The moves of `rows` (k) from `present_kw` to `setpoint_kw`, cut where a phase has no room yet; who can't move is left out."""
    kept_kw = within_phases(core, rows, setpoint_kw, baseline_kw)
    cut = np.abs(kept_kw - setpoint_kw) > USED_KW
    if not cut.any():
        return Kept(rows, setpoint_kw, 0.0)
    goes = ~cut | (np.abs(kept_kw - present_kw) > _WORTH_KW)
    reached_kw = np.where(goes, kept_kw, present_kw)
    return Kept(rows[goes], kept_kw[goes], float(np.sum(setpoint_kw - reached_kw)))


def narrowed(core: Core, problem: Problem, found: Reallocation) -> Problem | None:
    """The problem of a reallocation with less headroom for those whom a phase would cut; None if it would cut nobody."""
    rows = found.changed
    baseline_kw = problem.vehicles.baseline_kw[rows]
    kept_kw = within_phases(core, rows, found.allocation.setpoint_kw[rows], baseline_kw)
    cut = np.abs(kept_kw - found.allocation.setpoint_kw[rows]) > USED_KW
    if not cut.any():
        return None
    headroom_kw = problem.headroom_kw.copy()
    headroom_kw[rows[cut]] = np.maximum(0.0, problem.direction * (kept_kw - baseline_kw))[cut]
    return replace(problem, headroom_kw=headroom_kw)
