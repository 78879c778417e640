"""How good a choice a vehicle is, 0..1: the weighted mean of features that are each normalised to 0 (poor) .. 1 (good).

Every feature takes the direction of the target into account where it matters; what is unknown (NaN) counts as middling, 0.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.problem import Problem, Weights
from v2g_console.domain.vehicle import F8

_LEAST_SLACK_S: Final = 3600.0
_WORN_OUT: Final = 0.3
_UNKNOWN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Features:
    """One column per feature, each 0..1, in the order of `Weights`."""

    soc: F8
    time: F8
    priority: F8
    price: F8
    wear: F8
    fairness: F8
    availability: F8


def features(problem: Problem, headroom_kw: F8) -> Features:
    """The features of all vehicles of `problem`; `headroom_kw` is their usable headroom."""
    v = problem.vehicles
    with np.errstate(invalid="ignore", over="ignore"):  # infinite figures become NaN on the way, and then middling
        return Features(
            soc=soc_feature(v.soc, problem.direction),
            time=time_feature(v.departure_s, problem.duration_s),
            priority=np.where(v.priority, 0.0, 1.0),
            price=price_feature(problem, headroom_kw),
            wear=_clean(1.0 - v.degradation / _WORN_OUT),
            fairness=_clean(1.0 - v.participation),
            availability=_clean(problem.availability),
        )


def soc_feature(soc: F8, direction: int) -> F8:
    """Up wants full batteries, down wants empty ones."""
    return _clean(soc if direction > 0 else 1.0 - soc)


def time_feature(departure_s: F8, duration_s: float) -> F8:
    """Time to spare between the end of the product and the departure: 0 leaves at the end, 1 stays twice the duration (at least 1 h) more.

    A vehicle about to leave is a worse choice: it must be replaced, and its owner needs the charge. Unknown departure: 0.5.
    """
    spare_s = departure_s - duration_s
    return np.where(np.isfinite(departure_s), _clean(spare_s / max(_LEAST_SLACK_S, 2.0 * duration_s)), _UNKNOWN)


def price_feature(problem: Problem, headroom_kw: F8) -> F8:
    """Share of the headroom whose energy costs nothing extra.

    Up: drawing less is only a delay, injecting must be bought back with losses. Down: stopping an injection and charging what the
    driver needs for the departure anyway is free, storing more is not.
    """
    v = problem.vehicles
    hours = max(problem.duration_s, 1.0) / 3600.0
    if problem.direction > 0:
        free_kw = np.maximum(0.0, -v.baseline_kw)
    else:
        needed_kwh = np.maximum(0.0, v.min_soc - v.soc) * v.battery_kwh
        free_kw = np.maximum(0.0, v.baseline_kw) + needed_kwh / hours
    return np.where(headroom_kw > 0.0, _clean(free_kw / np.where(headroom_kw > 0.0, headroom_kw, 1.0)), _UNKNOWN)


def score(problem: Problem, headroom_kw: F8) -> tuple[F8, dict[str, F8]]:
    """The score 0..1 of each vehicle and its parts (weight times feature, by feature), which add up to it.

    If all weights are zero nobody is better than anybody: score 1, no parts.
    """
    total = sum(getattr(problem.weights, field.name) for field in fields(Features))
    if total <= 0.0:
        return np.ones(len(problem.vehicles)), {}
    columns = features(problem, headroom_kw)
    parts: dict[str, F8] = {}
    whole = np.zeros(len(problem.vehicles))
    for field in fields(Features):
        weight = getattr(problem.weights, field.name) / total
        if weight > 0.0:
            parts[field.name] = weight * getattr(columns, field.name)
            whole += parts[field.name]
    return whole, parts


def score_by_group(
    problem: Problem, headroom_kw: F8, weights: Sequence[Weights], group: NDArray[np.integer[Any]]
) -> tuple[F8, dict[str, F8]]:
    """As `score`, with the weights of each vehicle's own group (`group`, n: index into `weights`)."""
    totals = np.array([sum(getattr(one, field.name) for field in fields(Features)) for one in weights], np.float64)
    if not (totals > 0.0).any():
        return np.ones(len(problem.vehicles)), {}
    columns = features(problem, headroom_kw)
    parts: dict[str, F8] = {}
    whole = np.where(totals > 0.0, 0.0, 1.0)[group]
    for field in fields(Features):
        relative = np.array([getattr(one, field.name) for one in weights], np.float64) / np.where(totals > 0.0, totals, 1.0)
        if (relative > 0.0).any():
            parts[field.name] = relative[group] * getattr(columns, field.name)
            whole += parts[field.name]
    return whole, parts


def _clean(values: F8) -> F8:
    """Clipped to 0..1, unknown in the middle."""
    return np.clip(np.where(np.isnan(values), _UNKNOWN, values), 0.0, 1.0)
