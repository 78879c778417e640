"""The one gate for setpoints: whatever a vehicle is to be told passes here before it is written down anywhere.

The phases of its site cut it, the interlocks look at it, then it counts as intended. Next `rounds.send_round` journals and publishes it.
"""

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from v2g_console.engine.core import Core
from v2g_console.engine.counted import Move
from v2g_console.engine.dispatch import Rows, Running
from v2g_console.engine.fuses import within_phases
from v2g_console.engine.guard import admit

F8 = NDArray[np.float64]


class Why(Enum):
    """Why setpoints are given, which says what may hold them up."""

    DECIDED = auto()  # something new is asked for: the interlocks may refuse it
    CORRECTED = auto()  # back within the bounds of the vehicle: no interlock stands in the way
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
    return Passed(core, why, rows, kept_kw)


def pass_again(core: Core, running: Running, positions: Rows) -> None:
    """The interlocks look again at setpoints that `running` intends already and nobody is known to have taken. Raises RefusalError."""
    admit(core, Move(running.rows[positions], running.setpoint_kw[positions], running.baseline_kw[positions]))
