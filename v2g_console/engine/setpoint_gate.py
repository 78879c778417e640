"""The one gate for setpoints: whatever a vehicle is to be told passes here before it is written down anywhere.

The phases of its site cut it, the interlocks look at it, then it counts as intended. Next `rounds.send_round` journals and publishes it.
"""

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.replies import Refusal
from v2g_console.engine.core import Core
from v2g_console.engine.counted import Move
from v2g_console.engine.dispatch import Rows, Running
from v2g_console.engine.fuses import within_phases
from v2g_console.engine.grid import worst_powers_kw
from v2g_console.engine.guard import admit
from v2g_console.engine.interlocks import SLACK_KW
from v2g_console.engine.refusal import RefusalError

F8 = NDArray[np.float64]


class Why(Enum):
    """Why setpoints are given, which says what may hold them up."""

    DECIDED = auto()  # something new is asked for: the interlocks may refuse it
    CORRECTED = auto()  # back within the bounds of the vehicle: no interlock stands in the way, but the import limits of its site do
    RESUMED = auto()  # in force before a restart: the interlocks have looked at the whole dispatch, and nobody is asked for the first time


@dataclass(frozen=True, slots=True)
class Passed:
    """Setpoints (k, absolute kW) that may be given to the fleet's `rows` (k), if nothing is awaited before `intend`."""

    core: Core
    why: Why
    rows: Rows
    setpoint_kw: F8

    def only(self, which: NDArray[np.bool_]) -> "Passed":
        """Those that are `which` (k)."""
        return Passed(self.core, self.why, self.rows[which], self.setpoint_kw[which])

    def intend(self) -> None:
        """They are about to be sent: from now on they count in every limit."""
        self.core.fleet.intend(self.rows, self.setpoint_kw, self.core.clock.monotonic())
        if self.why is not Why.RESUMED:
            self.core.standing.asked(self.rows)


def pass_gate(core: Core, why: Why, rows: Rows, setpoint_kw: F8, baseline_kw: F8 | None = None) -> Passed:
    """Cut `setpoint_kw` (k, absolute) of the fleet's `rows` (k) to what the phases have left, and have the interlocks look at the rest.

    `baseline_kw` (k) are baselines that are about to be frozen; None: the vehicles have theirs. Raises RefusalError.
    """
    kept_kw = within_phases(core, rows, setpoint_kw, baseline_kw)
    if why is Why.DECIDED:
        admit(core, Move(rows, kept_kw, core.fleet.baseline_kw[rows] if baseline_kw is None else baseline_kw))
    elif why is Why.CORRECTED:
        kept_kw = _within_import(core, rows, kept_kw)
    return Passed(core, why, rows, kept_kw)


def pass_again(core: Core, running: Running, positions: Rows) -> Rows:
    """Of `positions`, whose setpoints nobody is known to have taken, those that may be sent once more; from now on they count as intended.

    The room that their sites had for them may be another dispatch's by now, and the interlocks look again. Raises RefusalError; also if
    nobody is left.
    """
    fit = _with_room(core, running.rows[positions], running.setpoint_kw[positions])
    chosen = positions[fit]
    if not len(chosen):
        hint = "update the target: what there is room for is shared anew"
        raise RefusalError(Refusal.LIMIT, f"{running.short_id}: the sites of its silent vehicles have no room left for them", hint)
    rows, setpoint_kw = running.rows[chosen], running.setpoint_kw[chosen]
    admit(core, Move(rows, setpoint_kw, running.baseline_kw[chosen]))
    Passed(core, Why.DECIDED, rows, setpoint_kw).intend()
    return chosen


def _within_import(core: Core, rows: Rows, setpoint_kw: F8) -> F8:
    """`setpoint_kw` (k) of `rows` (k), less charging where a site or feeder has no import left; nobody is cut to less than its own plan."""
    if core.grid is None or not len(rows):
        return setpoint_kw
    fleet, n, response_s = core.fleet, len(core.fleet), core.settings.dispatch.response_s
    low_kw, high_kw = (np.nan_to_num(kw) for kw in worst_powers_kw(fleet, fleet.baseline_kw[:n], response_s))
    low_kw[rows] = np.minimum(low_kw[rows], np.clip(fleet.baseline_kw[rows], -fleet.max_charge_kw[rows], 0.0))
    more_kw = np.maximum(low_kw[rows] - setpoint_kw, 0.0)
    lowest_kw = low_kw[rows] - core.grid.import_left(fleet, rows, (low_kw, high_kw), more_kw, response_s)
    kept_kw = np.maximum(setpoint_kw, lowest_kw)
    in_hole = (kept_kw > setpoint_kw + SLACK_KW) & (kept_kw < 0.0) & (kept_kw > -fleet.min_charge_kw[rows])
    return np.where(in_hole, 0.0, kept_kw)


def _with_room(core: Core, rows: Rows, setpoint_kw: F8) -> NDArray[np.bool_]:
    """Which of `rows` (k) can be at `setpoint_kw` (k) with their phases, sites and feeders within their limits."""
    fits = np.abs(within_phases(core, rows, setpoint_kw) - setpoint_kw) <= SLACK_KW
    if core.grid is None:
        return fits
    response_s, n = core.settings.dispatch.response_s, len(core.fleet)
    low_kw, high_kw = (np.nan_to_num(kw) for kw in worst_powers_kw(core.fleet, core.fleet.baseline_kw[:n], response_s))
    after_low_kw, after_high_kw = low_kw.copy(), high_kw.copy()
    after_low_kw[rows], after_high_kw[rows] = np.minimum(low_kw[rows], setpoint_kw), np.maximum(high_kw[rows], setpoint_kw)
    admitted = core.grid.admitted(core.fleet, rows[fits], (low_kw, high_kw), (after_low_kw, after_high_kw), response_s)
    return np.isin(rows, admitted)
