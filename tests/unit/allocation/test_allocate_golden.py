"""One small fleet, every product and direction: who takes part, who doesn't and why, and which setpoints follow."""

from dataclasses import dataclass

import numpy as np
import pytest

from tests.unit.domain.vehicles import vehicles
from v2g_console.allocation import Allocation, Problem, Weights, allocate
from v2g_console.domain.capability import Capability, CapabilityRules, capability
from v2g_console.domain.eligibility import eligibility, headroom_kw
from v2g_console.domain.reasons import Reason as R
from v2g_console.domain.signal import PRODUCTS, Signal
from v2g_console.domain.vehicle import Quality, VehicleColumns

WEIGHTS = Weights(soc=1.0, time=0.0, priority=0.0, price=0.0, wear=0.0, fairness=0.0, availability=0.0)
NAN = np.nan


def _fleet() -> VehicleColumns:
    """Full V2G idle, half-full V2G charging, V1G charging, V1G idle, V1G charging with priority, V2G without consent, stale, leaving."""
    return vehicles(
        8,
        is_v2g=[True, True, False, False, False, True, True, True],
        consent=[True, True, True, True, True, False, True, True],
        soc=[0.8, 0.5, 0.4, 0.9, 0.4, 0.8, 0.8, 0.8],
        max_charge_kw=[11.0, 11.0, 7.4, 7.4, 7.4, 11.0, 11.0, 11.0],
        max_discharge_kw=[11.0, 11.0, 0.0, 0.0, 0.0, 11.0, 11.0, 11.0],
        baseline_kw=[0.0, -11.0, -7.4, 0.0, -7.4, 0.0, 0.0, 0.0],
        priority=[False, False, False, False, True, False, False, False],
        quality=[0, 0, 0, 0, 0, 0, Quality.STALE, 0],
        departure_s=[36_000.0] * 7 + [300.0],
        min_charge_kw=1.4,
        min_discharge_kw=1.4,
    )


@dataclass(frozen=True)
class Golden:
    signal: Signal
    target_kw: float
    reasons: list[R]
    setpoints_kw: list[float]


_LEAVES = [R.STALE, R.LEAVES_BEFORE_END]
GOLDEN = [
    Golden(
        Signal.FCR, 8.0,
        [R.NONE, R.SOC_BELOW_MIN, R.NOT_V2G, R.NOT_V2G, R.NOT_V2G, R.NO_CONSENT, *_LEAVES],
        [8.0, NAN, NAN, NAN, NAN, NAN, NAN, NAN],
    ),
    Golden(
        Signal.FCR, -8.0,
        [R.NONE, R.SOC_BELOW_MIN, R.NOT_V2G, R.NOT_V2G, R.NOT_V2G, R.NO_CONSENT, *_LEAVES],
        [-8.0, NAN, NAN, NAN, NAN, NAN, NAN, NAN],
    ),
    Golden(
        Signal.AFRR_UP, 20.0,
        [R.NONE, R.NONE, R.NONE, R.NOT_CHARGING, R.NONE, R.NO_CONSENT, *_LEAVES],
        [5.0, -6.0, -2.4, NAN, -2.4, NAN, NAN, NAN],
    ),
    Golden(
        Signal.AFRR_DOWN, -18.0,
        [R.NONE, R.NO_HEADROOM, R.NO_HEADROOM, R.NONE, R.NO_HEADROOM, R.NONE, *_LEAVES],
        [-6.0, NAN, NAN, -6.0, NAN, -6.0, NAN, NAN],
    ),
    Golden(
        Signal.MA, 40.0,
        [R.NONE, R.NONE, R.NONE, R.NOT_CHARGING, R.NONE, R.NO_CONSENT, *_LEAVES],
        # the two V1G are used up at 7.4 kW each, of the other 25.2 kW the first can do 11
        [11.0, 3.2, 0.0, NAN, 0.0, NAN, NAN, NAN],
    ),
    Golden(
        Signal.MA, -40.0,
        [R.NONE, R.NO_HEADROOM, R.NO_HEADROOM, R.NONE, R.NO_HEADROOM, R.NONE, *_LEAVES],
        # SoC 0.9 takes 6 kWh / 0.94 within the hour
        [-11.0, NAN, NAN, -6.0 / 0.94, NAN, -11.0, NAN, NAN],
    ),
    Golden(
        Signal.NEBEF, 10.0,
        [R.NOT_CHARGING, R.NONE, R.NONE, R.NOT_CHARGING, R.PRIORITY, R.NOT_CHARGING, R.STALE, R.NOT_CHARGING],
        [NAN, -6.0, -2.4, NAN, NAN, NAN, NAN, NAN],
    ),
    Golden(
        Signal.ECOWATT, 50.0,
        [R.NOT_CHARGING, R.NONE, R.NONE, R.NOT_CHARGING, R.PRIORITY, R.NOT_CHARGING, R.STALE, R.NOT_CHARGING],
        [NAN, 0.0, 0.0, NAN, NAN, NAN, NAN, NAN],
    ),
]  # fmt: skip


def _decided(golden: Golden) -> tuple[Problem, Capability, Allocation]:
    product = PRODUCTS[golden.signal]
    tau_s = 930.0 if product.sustained_s is not None else 3600.0
    direction = 1 if golden.target_kw > 0 else -1
    fleet = _fleet()
    can = capability(fleet, tau_s, CapabilityRules(), reduction_only=product.reduction_only)
    code = eligibility(fleet, can, product, direction, tau_s, min_soc=product.min_soc)
    problem = Problem(
        target_kw=golden.target_kw,
        vehicles=fleet,
        headroom_kw=headroom_kw(can, product, direction),
        eligible=code == 0,
        availability=np.ones(len(fleet)),
        duration_s=tau_s,
        weights=WEIGHTS,
        exclusion=code,
    )
    return problem, can, allocate("equal", problem)


def _ids(golden: Golden) -> str:
    return f"{golden.signal} {golden.target_kw:+g} kW"


@pytest.mark.parametrize("golden", GOLDEN, ids=_ids)
def test_every_product_and_direction(golden: Golden) -> None:
    problem, _, got = _decided(golden)
    assert problem.exclusion is not None
    assert [R(int(code)) for code in problem.exclusion] == golden.reasons
    np.testing.assert_allclose(got.setpoint_kw, golden.setpoints_kw, atol=1e-9)
    assert got.allocated_kw == pytest.approx(np.nansum(np.array(golden.setpoints_kw) - problem.vehicles.baseline_kw))
    assert got.shortfall_kw == pytest.approx(abs(golden.target_kw - got.allocated_kw), abs=1e-9)
    assert [R(int(code)) for code in got.reason[~problem.eligible]] == [reason for reason in golden.reasons if reason]


def test_a_shortfall_names_its_causes_by_size() -> None:
    _, _, got = _decided(GOLDEN[-1])
    assert got.shortfall_kw == pytest.approx(50.0 - 18.4)
    assert [reason for reason, _ in got.limits] == [R.NO_HEADROOM, R.PRIORITY]
    assert sum(kw for _, kw in got.limits) == pytest.approx(got.shortfall_kw)


def _assert_within_bounds(golden: Golden) -> None:
    problem, can, got = _decided(golden)
    used = ~np.isnan(got.setpoint_kw)
    assert (got.setpoint_kw[used] <= can.p_max_kw[used] + 1e-9).all()
    assert (got.setpoint_kw[used] >= can.p_min_kw[used] - 1e-9).all()
    change = np.nansum(got.setpoint_kw - problem.vehicles.baseline_kw)
    assert change * golden.target_kw > 0.0


@pytest.mark.parametrize("golden", GOLDEN, ids=_ids)
def test_setpoints_move_the_right_way_within_the_bounds(golden: Golden) -> None:
    _assert_within_bounds(golden)


@pytest.mark.parametrize("golden", GOLDEN, ids=_ids)
def test_a_flipped_sign_of_the_setpoint_is_caught(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["v2g_console.allocation.answer"]

    def flipped(problem: Problem, powers_kw: np.ndarray) -> np.ndarray:
        setpoint = problem.vehicles.baseline_kw - problem.direction * powers_kw
        return np.where(powers_kw > 0.0, setpoint, np.nan)

    monkeypatch.setattr(module, "_setpoints_kw", flipped)
    with pytest.raises(AssertionError):
        _assert_within_bounds(golden)
