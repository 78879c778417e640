"""What must hold of every phase at any moment, whatever the engine does: every vehicle at its worst, and the cars as they really are."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from tests.unit.engine.bench import Bench
from v2g_console.engine.aside import Aside
from v2g_console.engine.fuses import _powers

T = TypeVar("T")
TOLERANCE_KW = 1e-3


class VirtualAside(Aside):
    """Computes at once, answers after `takes_s` of virtual time; `raises` instead if set. `ran` counts."""

    def __init__(self, takes_s: float = 0.0) -> None:
        super().__init__()
        self.takes_s, self.ran = takes_s, 0
        self.raises: type[Exception] | None = None

    async def run(self, work: Callable[[], T], within_s: float) -> T:
        self.ran += 1
        found = work()
        await asyncio.sleep(self.takes_s)
        if self.raises is not None:
            raise self.raises
        return found


def assert_phases_kept(one: Bench) -> None:
    """No phase is over its limit: neither with every vehicle at its worst, nor with the cars as they are."""
    core = one.core
    assert core.grid is not None
    phases = core.grid.phases
    assert phases is not None
    worst = phases.worst_kw(core.fleet, _powers(core, core.fleet.baseline_kw[: len(core.fleet)]))
    for (low, high), whose in ((worst, "at its worst"), (true_flows_kw(one), "in truth")):
        at = [(phases.places[i], low.ravel()[i], high.ravel()[i]) for i in range(low.size)]
        assert (low >= phases.lower_kw - TOLERANCE_KW).all(), f"import {whose}: {at}"
        assert (high <= phases.upper_kw + TOLERANCE_KW).all(), f"export {whose}: {at}"


def true_flows_kw(one: Bench) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest net power of each phase, s x 3, by the cars' own meters; who tells no phase may be on any."""
    phases = one.core.grid.phases if one.core.grid is not None else None
    assert phases is not None
    low, high = -phases.base_load_kw, -phases.base_load_kw
    for car in one.fleet.values():
        site = one.core.fleet.sites.name(int(one.core.fleet.site[one.row(car.vehicle_id)]))
        if site not in phases.names:
            continue
        number, kw = phases.names.index(site), car.power_kw(one.clock.utc() * 1000)
        if car.phases == 3:
            low[number] += kw / 3
            high[number] += kw / 3
        elif car.phases == 1 and car.phase:
            low[number, car.phase - 1] += kw
            high[number, car.phase - 1] += kw
        else:
            low[number] += min(0.0, kw)
            high[number] += max(0.0, kw)
    return low, high


def checked(one: Bench) -> Bench:
    """The bench with the phases among what it checks every 10 ms."""
    usual = one.check

    def check() -> None:
        usual()
        assert_phases_kept(one)

    one.check = check  # type: ignore[method-assign]  # of this bench only
    return one
