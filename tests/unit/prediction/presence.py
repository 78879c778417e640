"""When simulated commuters are plugged in: the simulator's own vehicles, or the same trips with mornings that differ."""

import numpy as np
from numpy.typing import NDArray

from v2g_console.simulator.fleet import build_fleet
from v2g_console.simulator.moment import Moment
from v2g_console.simulator.options import SimulateOptions
from v2g_console.simulator.vehicle import Vehicle

DAY_S = 86_400.0
Presence = NDArray[np.bool_]


def simulated(options: SimulateOptions, *, start_utc_s: float, days: int, step_s: float) -> Presence:
    """steps x vehicles, by the simulator: each leaves at the same time each day."""
    begin = Moment(0.0, start_utc_s)
    vehicles = [Vehicle(spec, begin) for spec in build_fleet(options)]
    steps = int(days * DAY_S / step_s)
    there = np.zeros((steps, len(vehicles)), np.bool_)
    for column, vehicle in enumerate(vehicles):
        for row in range(steps):
            vehicle.advance(begin.later(row * step_s))
            there[row, column] = vehicle.plugged
    return there


def irregular(options: SimulateOptions, rng: np.random.Generator, *, days: int, step_s: float) -> Presence:
    """steps x vehicles: the same drivers, but they leave and return half an hour earlier or later and stay at home one day in seven."""
    fleet = build_fleet(options)
    at_s = np.arange(0.0, days * DAY_S, step_s)
    there = np.ones((len(at_s), len(fleet)), np.bool_)
    for column, spec in enumerate(fleet):
        trips = spec.trips
        if trips.back_at_s is not None:
            there[at_s < trips.back_at_s, column] = False
        for day in range(days):
            if rng.random() < 1.0 / 7.0:
                continue
            left_s = trips.first_departure_s + day * DAY_S + rng.normal(0.0, 1800.0)
            back_s = left_s + max(600.0, trips.trip_s + rng.normal(0.0, 1800.0))
            there[(at_s >= left_s) & (at_s < back_s), column] = False
    return there
