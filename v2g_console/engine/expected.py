"""What each vehicle of a dispatch is believed to give now: measured where that is settled, as acknowledged elsewhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.states import CommandState
from v2g_console.domain.trust import delivery_ratio
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.totals import settled_rows

_SILENT = [int(state) for state in (CommandState.TIMED_OUT, CommandState.FAILED, CommandState.EXPIRED)]
_OFF_BY_KW = 0.5
_OFF_BY_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Belief:
    """One row a vehicle of the dispatch. Regulation in kW relative to the baseline, signed.

    `holds`: still owned and not being released. `regulation_kw`: what it is believed to give (0 where it is let go). `silent`: never
    answered. `refused`: said no; it is believed to keep what it acknowledged before, until telemetry tells. `off`: measured to give
    something else than it acknowledged. `under`: so little that it counts as failed.
    `follows`: seen, since its command, to do what it acknowledged.
    """

    holds: NDArray[np.bool_]
    regulation_kw: NDArray[np.float64]
    silent: NDArray[np.bool_]
    refused: NDArray[np.bool_]
    off: NDArray[np.bool_]
    under: NDArray[np.bool_]
    follows: NDArray[np.bool_]

    @property
    def total_kw(self) -> float:
        """What the dispatch is believed to give."""
        return float(np.sum(self.regulation_kw))


def believe(core: Core, running: Running) -> Belief:
    """The present belief."""
    holds = running.held(core.fleet.owner)
    answered = running.answered() & holds
    settled = settled_rows(core, running)
    measured_kw = core.fleet.power_kw[running.rows]
    silent = np.isin(running.command_state, _SILENT) & holds
    refused = (running.command_state == CommandState.REJECTED) & holds
    # Until it answers a newer command, a vehicle does what it acknowledged last; a lease that ended binds nobody.
    leased = (core.fleet.protocol[running.rows] >= 2) & (running.valid_until_ms > 0)
    ended = (running.command_state == CommandState.EXPIRED) | (leased & (running.lease_ends_at < core.clock.monotonic()))
    binding = np.isfinite(running.applied_kw) & ~ended
    told_kw = np.where(binding, running.applied_kw, running.baseline_kw)
    power_kw = np.where(settled & (answered | silent | (refused & binding)), measured_kw, told_kw)
    far = np.abs(measured_kw - running.applied_kw) > np.maximum(_OFF_BY_KW, _OFF_BY_SHARE * np.abs(running.applied_kw))
    off = answered & settled & far
    # Who was asked for next to nothing shows nothing, and a power that is there need not be waited for.
    told_apart = np.abs(running.applied_kw - running.baseline_kw) > _OFF_BY_KW
    follows = answered & ~far & told_apart & (core.fleet.measured_at[running.rows] > running.sent_at)
    ratio = delivery_ratio(running.applied_kw, running.baseline_kw, measured_kw, core.standing.rules.least_kw)
    under = off & (np.nan_to_num(ratio, nan=1.0) < core.standing.rules.least_ratio)
    away = answered & ~core.fleet.available[running.rows]
    regulation_kw = np.where(holds, power_kw - running.baseline_kw, 0.0)
    return Belief(holds, np.where(away, 0.0, regulation_kw), silent, refused, off | away, under, follows & ~away)
