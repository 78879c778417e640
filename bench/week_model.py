"""A simulated week without a broker: drivers come and go, dispatches of all products in both directions are allocated and held.

Only the pure rules take part: capability, eligibility, the allocators, and the check of bounds that follows each telemetry. The batteries
are the simulator's, but for their own protection: what a command asks beyond floor or ceiling really happens here, and is counted.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import Problem, Weights, allocate
from v2g_console.allocation.emphasis import emphasised, segment_rules
from v2g_console.allocation.fairness import Wear
from v2g_console.domain.capability import CapabilityRules, capability
from v2g_console.domain.eligibility import eligibility, headroom_kw
from v2g_console.domain.reasons import Reason
from v2g_console.domain.signal import PRODUCTS, Product, Signal
from v2g_console.domain.vehicle import F8, Baseline, Quality, VehicleColumns
from v2g_console.simulator.fleet import SEGMENTS, build_fleet
from v2g_console.simulator.options import SimulateOptions
from v2g_console.simulator.plan import own_plan_kw
from v2g_console.simulator.spec import VehicleSpec

STEP_S = 300.0
DAY_S = 86_400.0
LEASE_S = 900.0
MARGIN_S = 30.0
SOC_NOISE = 2e-4
"""Vehicles report SoC to four digits, and a command holds for a step: less than this is no violation."""
WEIGHTS = Weights(soc=0.35, time=0.15, priority=0.1, price=0.05, wear=0.1, fairness=0.15, availability=0.1)


@dataclass(slots=True)
class Dispatch:
    """One running dispatch: `target_kw` signed, moving up to `most_kw`; `ends` in steps; `rows` of the vehicles it owns."""

    product: Product
    allocator: str
    target_kw: float
    most_kw: float
    ends: int
    rows: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))


@dataclass(slots=True)
class Departures:
    """What batteries held when their vehicles left: one entry a departure, in the same order in every run of the same fleet."""

    row: list[int] = field(default_factory=list)
    soc: list[float] = field(default_factory=list)
    announced: list[bool] = field(default_factory=list)
    dispatched: list[bool] = field(default_factory=list)  # was asked for anything during this stay


@dataclass(slots=True)
class Tally:
    """What happened in a run. Violations are (vehicle row, step, SoC)."""

    departures: Departures = field(default_factory=Departures)
    below_floor: list[tuple[int, int, float]] = field(default_factory=list)
    above_ceiling: list[tuple[int, int, float]] = field(default_factory=list)
    started: dict[Signal, int] = field(default_factory=lambda: dict.fromkeys(Signal, 0))
    wanted_kwh: dict[Signal, float] = field(default_factory=lambda: dict.fromkeys(Signal, 0.0))
    held_kwh: dict[Signal, float] = field(default_factory=lambda: dict.fromkeys(Signal, 0.0))
    corrections: int = 0
    throughput_kwh: float = 0.0  # of all vehicles, dispatched or not


class Week:
    """The fleet's state, step by step. With `busy` False no dispatch is ever made: the counterfactual."""

    def __init__(self, options: SimulateOptions, *, busy: bool, rules: CapabilityRules | None = None) -> None:
        """`rules` are those the engine goes by (default: the shipped ones); the batteries and the count of violations know their own."""
        self.specs: tuple[VehicleSpec, ...] = build_fleet(options)
        n = len(self.specs)
        self._busy, self._rules = busy, rules or CapabilityRules()
        self._draw = np.random.default_rng(options.seed)
        self.soc = np.array([spec.soc for spec in self.specs])
        self.power_kw = np.zeros(n)
        self.setpoint_kw, self._baseline_kw = np.full(n, np.nan), np.zeros(n)
        self._leaves = np.array([self._step(spec.trips.first_departure_s) for spec in self.specs])
        self._returns = np.array([-1 if spec.trips.back_at_s is None else self._step(spec.trips.back_at_s) for spec in self.specs])
        self._asked, self._ran_free = np.zeros(n, np.bool_), np.ones(n, np.bool_)
        self.dispatches: list[Dispatch] = []
        self.wear, self.tally = Wear.empty(n), Tally()
        # What a command asks beyond floor and ceiling happens, so that it can be seen.
        self._bare = [replace(spec.battery, floor_soc=0.0, ceiling_soc=1.0) for spec in self.specs]
        self._fixed = _fixed_columns(self.specs)
        self.floor = np.maximum(self._fixed.reserve_soc, CapabilityRules().safe_discharge_floor)
        self.ceiling = np.minimum(self._fixed.charge_limit_soc, CapabilityRules().soc_ceiling)

    def run(self, days: float) -> Tally:
        """Let `days` pass and return what happened."""
        for step in range(int(days * DAY_S / STEP_S)):
            self._come_and_go(step)
            self._end(step)
            if self._busy:
                self._start(step)
                self._move(step)
                self._check_bounds(step)
            self._advance(step)
        return self.tally

    @staticmethod
    def _step(at_s: float) -> int:
        return int(at_s // STEP_S)

    def _come_and_go(self, step: int) -> None:
        for row in np.flatnonzero((self._returns < 0) & (self._leaves <= step)):
            trips, seen = self.specs[row].trips, self.tally.departures
            seen.row.append(int(row))
            seen.soc.append(float(self.soc[row]))
            seen.announced.append(trips.announced)
            seen.dispatched.append(bool(self._asked[row]))
            self.setpoint_kw[row], self._asked[row] = np.nan, False
            self._returns[row] = step + max(1, self._step(trips.trip_s))
            self._leaves[row] += self._step(DAY_S)
        for row in np.flatnonzero(self._returns == step):
            trips = self.specs[row].trips
            self.soc[row] = max(self.soc[row] - trips.trip_soc, min(self.soc[row], 0.1))
            self._returns[row] = -1
            self._leaves[row] = max(self._leaves[row], step + self._step(trips.trip_s))

    def _end(self, step: int) -> None:
        for dispatch in [dispatch for dispatch in self.dispatches if dispatch.ends <= step]:
            self.setpoint_kw[dispatch.rows] = np.nan
            self.dispatches.remove(dispatch)
        for dispatch in self.dispatches:
            dispatch.rows = dispatch.rows[~np.isnan(self.setpoint_kw[dispatch.rows])]  # some drove away

    def _start(self, step: int) -> None:
        """About every half hour a dispatch of any product, direction and size."""
        draw = self._draw
        if draw.random() > 1.0 / 6.0:
            return
        signal = list(Signal)[int(draw.integers(len(Signal)))]
        product = PRODUCTS[signal]
        sign = product.sign or int(draw.choice([1, -1]))
        size_kw = float(draw.uniform(0.02, 0.5)) * float(self._fixed.max_charge_kw.sum())
        ends = step + int(draw.integers(1, 25))
        allocator = str(draw.choice(["equal", "smart", "merit", "segmented"]))
        dispatch = Dispatch(product, allocator, sign * size_kw, sign * size_kw, ends)
        self.tally.started[signal] += 1
        self.dispatches.append(dispatch)
        self._allocate(dispatch, step)

    def _move(self, step: int) -> None:
        """aFRR follows a moving target."""
        for dispatch in self.dispatches:
            if dispatch.product.signal in {Signal.AFRR_UP, Signal.AFRR_DOWN}:
                dispatch.target_kw = dispatch.most_kw * float(self._draw.uniform(0.1, 1.0))
                self._allocate(dispatch, step)

    def _allocate(self, dispatch: Dispatch, step: int) -> None:
        product, direction = dispatch.product, 1 if dispatch.target_kw > 0 else -1
        self.setpoint_kw[dispatch.rows] = np.nan  # its own vehicles are free to it
        free = np.isnan(self.setpoint_kw)
        # The power of an owned vehicle, or of one released a moment ago, is never a baseline: its frozen one stays.
        settled = free & self._ran_free
        self._baseline_kw[settled] = self.power_kw[settled]
        vehicles, tau_s = self._columns(step), self._tau_s(dispatch, step)
        can = capability(vehicles, tau_s, self._rules, reduction_only=product.reduction_only)
        reason = eligibility(vehicles, can, product, direction, tau_s, min_soc=product.min_soc)
        reason = np.where((reason == 0) & ~free, Reason.IN_USE, reason)
        remaining_s = (dispatch.ends - step) * STEP_S
        weights = emphasised(WEIGHTS, product.signal)
        problem = Problem(
            target_kw=dispatch.target_kw,
            vehicles=vehicles,
            headroom_kw=headroom_kw(can, product, direction),
            eligible=reason == 0,
            availability=vehicles.availability_prob,
            duration_s=remaining_s,
            weights=weights,
            segments=segment_rules(SEGMENTS, weights),
        )
        found = allocate(dispatch.allocator, problem)
        dispatch.rows = np.flatnonzero(~np.isnan(found.setpoint_kw))
        self.setpoint_kw[dispatch.rows] = found.setpoint_kw[dispatch.rows]

    @staticmethod
    def _tau_s(dispatch: Dispatch, step: int) -> float:
        remaining_s = (dispatch.ends - step) * STEP_S
        return max(dispatch.product.sustained_s or remaining_s, min(LEASE_S, remaining_s)) + MARGIN_S

    def _check_bounds(self, step: int) -> None:
        """What each telemetry of an owned vehicle brings: a setpoint outside its bounds is corrected at once."""
        for dispatch in self.dispatches:
            if len(dispatch.rows) == 0:
                continue
            vehicles = self._columns(step).take(dispatch.rows)
            can = capability(vehicles, self._tau_s(dispatch, step), self._rules, reduction_only=dispatch.product.reduction_only)
            now = self.setpoint_kw[dispatch.rows]
            inside = np.clip(now, can.p_min_kw, can.p_max_kw)
            self.tally.corrections += int(np.count_nonzero(np.abs(inside - now) > 1e-6))
            self.setpoint_kw[dispatch.rows] = inside

    def _advance(self, step: int) -> None:
        owned = ~np.isnan(self.setpoint_kw)
        self._ran_free = ~owned
        for row, spec in enumerate(self.specs):
            if self._returns[row] >= 0:
                self.power_kw[row] = 0.0
                continue
            soc, battery = float(self.soc[row]), self._bare[row] if owned[row] else spec.battery
            if owned[row]:
                power_kw = battery.possible_kw(soc, float(self.setpoint_kw[row]))
            else:
                power_kw = own_plan_kw(spec.plan, battery, soc, float(self._leaves[row] - step) * STEP_S)
            self.power_kw[row] = power_kw
            self.soc[row] = battery.after(soc, power_kw, STEP_S)
            if owned[row] and power_kw > 0.0 and self.soc[row] < self.floor[row] - SOC_NOISE:
                self.tally.below_floor.append((row, step, float(self.soc[row])))
            if owned[row] and power_kw < 0.0 and self.soc[row] > self.ceiling[row] + SOC_NOISE:
                self.tally.above_ceiling.append((row, step, float(self.soc[row])))
        self._count(np.flatnonzero(owned))

    def _count(self, owned: NDArray[np.intp]) -> None:
        self._asked[owned] = True
        given_kw = self.power_kw - self._baseline_kw
        usable_kwh = self._fixed.battery_kwh * (1.0 - self._fixed.degradation)
        self.wear.fade(STEP_S)
        self.wear.ask(owned, given_kw[owned], usable_kwh[owned], STEP_S)
        self.wear.run(owned, self.power_kw[owned], STEP_S)
        self.tally.throughput_kwh += float(np.abs(self.power_kw).sum()) * STEP_S / 3600.0
        for dispatch in self.dispatches:
            signal, hours = dispatch.product.signal, STEP_S / 3600.0
            sign = 1.0 if dispatch.target_kw > 0 else -1.0
            self.tally.wanted_kwh[signal] += abs(dispatch.target_kw) * hours
            self.tally.held_kwh[signal] += sign * float(given_kw[dispatch.rows].sum()) * hours

    def _columns(self, step: int) -> VehicleColumns:
        """The fleet as the engine knows it: SoC to four digits, departures of those who tell them."""
        there = self._returns < 0
        told = np.array([spec.trips.announced for spec in self.specs]) & there
        return replace(
            self._fixed,
            available=there,
            soc=np.round(self.soc, 4),
            departure_s=np.where(told, (self._leaves - step) * STEP_S, np.inf),
            baseline_kw=self._baseline_kw.copy(),
            participation=self.wear.participation.copy(),
        )


def _fixed_columns(specs: tuple[VehicleSpec, ...]) -> VehicleColumns:
    """What vehicles tell once; SoC, departures, presence and baselines are filled in at every step."""
    n = len(specs)

    def column(values: list[float]) -> F8:
        return np.array(values, np.float64)

    return VehicleColumns(
        is_v2g=np.array([spec.is_v2g for spec in specs]),
        consent=np.array([spec.consent for spec in specs]),
        available=np.ones(n, np.bool_),
        priority=np.array([spec.priority for spec in specs]),
        quality=np.full(n, Quality.FRESH, np.uint8),
        soc=np.zeros(n),
        battery_kwh=column([spec.nominal_kwh for spec in specs]),
        degradation=column([spec.degradation for spec in specs]),
        max_charge_kw=column([spec.battery.max_charge_kw for spec in specs]),
        max_discharge_kw=column([spec.battery.max_discharge_kw for spec in specs]),
        min_charge_kw=column([spec.battery.min_charge_kw for spec in specs]),
        min_discharge_kw=column([spec.battery.min_discharge_kw for spec in specs]),
        min_soc=column([spec.plan.min_soc for spec in specs]),
        reserve_soc=column([spec.reserve_soc for spec in specs]),
        charge_limit_soc=column([spec.battery.ceiling_soc for spec in specs]),
        departure_s=np.full(n, np.inf),
        baseline_kw=np.zeros(n),
        baseline_kind=np.full(n, Baseline.MEASURED, np.uint8),
        site=np.full(n, -1, np.int32),
        segment=np.array([SEGMENTS.index(spec.segment) for spec in specs], np.int32),
        availability_prob=column([spec.availability_prob for spec in specs]),
        participation=np.zeros(n),
        site_import_share_kw=np.full(n, np.inf),
    )
