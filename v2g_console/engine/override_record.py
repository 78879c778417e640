"""Local overrides begin and end here, so that the journal knows: a restart must not command a car that somebody on the spot took over."""

import math

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.events import LocalOverride, OverrideBegun, OverrideEnded
from v2g_console.engine.core import Core

Rows = NDArray[np.intp]


def begin_overrides(core: Core, rows: Rows) -> None:
    """The vehicles at `rows` refuse because of somebody on the spot: they are left alone for the configured time."""
    if not len(rows):
        return
    rows = np.unique(rows)  # who answers twice within a tick is in it twice
    for_s = core.settings.interlocks.local_override_s or math.inf
    core.overrides.begin(rows, core.clock.monotonic(), for_s)
    core.emit(OverrideBegun(ts=core.ts(), vehicles=_named(core, rows.tolist()), until_ms=_until_ms(core, for_s)))


def end_overrides(core: Core, rows: Rows) -> None:
    """The vehicles at `rows` follow again, or an operator trusts them again."""
    ended = core.overrides.end(rows)
    if ended:
        core.emit(OverrideEnded(ts=core.ts(), vehicles=_named(core, ended)))


def overrides_standing(core: Core) -> tuple[LocalOverride, ...]:
    """Who is left alone now."""
    standing = core.overrides.standing(core.clock.monotonic())
    return tuple(LocalOverride(vehicle_id=core.fleet.ids[row], until_ms=_until_ms(core, left_s)) for row, left_s in standing)


def restore_overrides(core: Core, overrides: tuple[LocalOverride, ...]) -> None:
    """Leave alone whom an earlier run left alone, for the time that is left of it by our date, and never for longer than configured."""
    longest_s, now = core.settings.interlocks.local_override_s or math.inf, core.clock.monotonic()
    for one in overrides:
        left_s = math.inf if one.until_ms is None else (one.until_ms - core.utc_ms()) / 1000
        row = core.fleet.row(one.vehicle_id)
        if left_s > 0 and row >= 0:  # one that found no room in the fleet can't be commanded anyway
            core.overrides.begin(np.array([row]), now, min(left_s, longest_s))


def _named(core: Core, rows: list[int]) -> tuple[str, ...]:
    return tuple(core.fleet.ids[row] for row in rows)


def _until_ms(core: Core, for_s: float) -> int | None:
    return None if math.isinf(for_s) else core.utc_ms() + round(for_s * 1000)
