"""Whether the vehicles of a dispatch do what they acknowledged, as far as telemetry can tell."""

from dataclasses import dataclass

import numpy as np

from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.expected import believe
from v2g_console.engine.totals import settled_rows


@dataclass(frozen=True, slots=True)
class Delivery:
    """Regulation in kW in the target's direction, of the vehicles that can be told (`told` of `answered`).

    `lacking_kw`: what they give less than they acknowledged, and nobody else of the dispatch makes up for.
    """

    acknowledged_kw: float
    measured_kw: float
    lacking_kw: float
    told: int
    answered: int


def delivery_of(core: Core, running: Running) -> Delivery:
    """Of a dispatch now. A vehicle can be told once it is measured after its command took effect, by `trust.least_kw` or more.

    Who drove away after its answer gives 0.
    """
    fleet = core.fleet
    answered = running.answered() & running.held(fleet.owner)
    acknowledged_kw = running.applied_kw - running.baseline_kw
    measured_kw = np.where(fleet.available[running.rows], fleet.power_kw[running.rows] - running.baseline_kw, 0.0)
    told = answered & settled_rows(core, running) & np.isfinite(measured_kw)
    told &= np.abs(np.nan_to_num(acknowledged_kw)) >= core.standing.rules.least_kw
    direction = 1.0 if running.target_kw >= 0 else -1.0
    acknowledged = direction * float(np.sum(acknowledged_kw[told]))
    measured = direction * float(np.sum(measured_kw[told]))
    gap_kw = direction * (running.commanded_kw - believe(core, running).total_kw)
    lacking_kw = max(0.0, min(acknowledged - measured, gap_kw))
    return Delivery(acknowledged, measured, lacking_kw, int(np.count_nonzero(told)), int(np.count_nonzero(answered)))
