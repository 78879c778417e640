"""Vehicles that went to another site while a dispatch had them: what was decided for the old site may be too much for the new one."""

import numpy as np
from numpy.typing import NDArray

from v2g_console.engine.core import Core
from v2g_console.engine.fuses import within_phases
from v2g_console.engine.grid import worst_powers_kw
from v2g_console.engine.interlocks import SLACK_KW


def without_room(core: Core) -> NDArray[np.intp]:
    """Rows of the fleet that moved since the last call, and whose setpoints their new sites have no room for. Each move is told once."""
    fleet, n = core.fleet, len(core.fleet)
    moved = np.flatnonzero(fleet.moved[:n])
    fleet.moved[moved] = False
    moved = moved[(fleet.owner[moved] >= 0) & np.isfinite(fleet.setpoint_kw[moved])]
    if core.grid is None or not len(moved):
        return np.zeros(0, np.intp)
    response_s, setpoint_kw = core.settings.dispatch.response_s, fleet.setpoint_kw[moved]
    low_kw, high_kw = (np.nan_to_num(kw) for kw in worst_powers_kw(fleet, fleet.baseline_kw[:n], response_s))
    # On the way it was measured at nothing: where it is plugged in it follows its setpoint again.
    low_kw[moved], high_kw[moved] = np.minimum(low_kw[moved], setpoint_kw), np.maximum(high_kw[moved], setpoint_kw)
    low_before_kw, high_before_kw = low_kw.copy(), high_kw.copy()
    low_before_kw[moved] = high_before_kw[moved] = 0.0
    fits = np.abs(within_phases(core, moved, setpoint_kw) - setpoint_kw) <= SLACK_KW
    admitted = core.grid.admitted(fleet, moved[fits], (low_before_kw, high_before_kw), (low_kw, high_kw), response_s)
    return np.setdiff1d(moved, admitted)
