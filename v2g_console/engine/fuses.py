"""Phase limits for what the engine is about to do: the limits of a decision, and setpoints cut to what the phases have left."""

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.phase_limits import PhaseLimits
from v2g_console.engine.core import Core
from v2g_console.engine.site_phases import Powers, worst_of_phases

F8 = NDArray[np.float64]
Rows = NDArray[np.intp]


def phase_limits(core: Core, baseline_kw: F8, deciding: NDArray[np.bool_], standing_kw: F8 | None = None) -> PhaseLimits | None:
    """The phase limits for a decision about the vehicles `deciding` (n), all others at their worst; None where no site has any.

    `baseline_kw` (n) is that of the decision. `standing_kw` (n) are setpoints that are as good as sent, NaN for none.
    """
    phases = core.grid.phases if core.grid is not None else None
    if phases is None:
        return None
    powers = _powers(core, baseline_kw)
    if standing_kw is not None:
        powers = Powers(np.fmin(powers.low_kw, standing_kw), np.fmax(powers.high_kw, standing_kw))
    return phases.limits(core.fleet, powers, deciding)


def within_phases(core: Core, rows: Rows, setpoint_kw: F8, baseline_kw: F8 | None = None) -> F8:
    """`setpoint_kw` (k, absolute) for the fleet's `rows` (k), cut where a phase has not enough left for all of them at their worst.

    Call it just before the setpoints are written into the fleet, with nothing awaited in between. `baseline_kw` (k) are the baselines that
    are being frozen; None: the vehicles have theirs.
    """
    phases = core.grid.phases if core.grid is not None else None
    if phases is None or not len(rows):
        return setpoint_kw
    baselines = core.fleet.baseline_kw[: len(core.fleet)].copy()
    powers = _powers(core, baselines)
    if baseline_kw is not None:
        powers.low_kw[rows] = np.fmin(powers.low_kw[rows], baseline_kw)
        powers.high_kw[rows] = np.fmax(powers.high_kw[rows], baseline_kw)
    return phases.kept(core.fleet, powers, rows, setpoint_kw)


def released_within_phases(core: Core, rows: Rows, release_kw: F8) -> F8:
    """Powers that releases bring `rows` (k) to, cut like setpoints and remembered until they are measured.

    A v2 vehicle follows its own plan again, whatever the message says; v1 is told a power, which may be more charging than its baseline.
    """
    if core.grid is None or core.grid.phases is None:
        return release_kw
    kept_kw = np.where(core.fleet.protocol[rows] < 2, within_phases(core, rows, release_kw), release_kw)
    core.fleet.released_kw[rows] = np.where(core.fleet.protocol[rows] < 2, kept_kw, np.nan)
    return kept_kw


def _powers(core: Core, baseline_kw: F8) -> Powers:
    return worst_of_phases(core.fleet, baseline_kw, core.settings.dispatch.response_s)
