"""Who may take part, and which reason is told when several apply."""

import numpy as np
import pytest

from tests.unit.domain.vehicles import vehicles
from v2g_console.domain.capability import CapabilityRules, capability
from v2g_console.domain.eligibility import eligibility, headroom_kw
from v2g_console.domain.reasons import Reason
from v2g_console.domain.signal import PRODUCTS, Signal
from v2g_console.domain.vehicle import Baseline, Quality, VehicleColumns

TAU = 930.0


def _reasons(fleet: VehicleColumns, signal: Signal, direction: int = 1, *, min_soc: float = 0.0) -> list[Reason]:
    product = PRODUCTS[signal]
    can = capability(fleet, TAU, CapabilityRules(), reduction_only=product.reduction_only)
    return [Reason(int(code)) for code in eligibility(fleet, can, product, direction, TAU, min_soc=min_soc)]


def test_the_most_telling_reason_comes_first() -> None:
    fleet = vehicles(
        6,
        quality=[Quality.LOST, Quality.STALE, 0, 0, 0, Quality.UNKNOWN],
        available=[False, False, False, True, True, True],
        departure_s=[60.0, 60.0, 60.0, 60.0, 36_000.0, 36_000.0],
    )
    assert _reasons(fleet, Signal.MA) == [
        Reason.LOST, Reason.STALE, Reason.NOT_AVAILABLE, Reason.LEAVES_BEFORE_END, Reason.NONE, Reason.NONE,
    ]  # fmt: skip


def test_fcr_needs_v2g_consent_soc_and_room_both_ways() -> None:
    fleet = vehicles(
        6,
        is_v2g=[False, True, True, True, True, True],
        consent=[True, False, True, True, True, True],
        soc=[0.8, 0.8, 0.5, 1.0, 0.8, np.nan],
    )
    assert _reasons(fleet, Signal.FCR, min_soc=0.6) == [
        Reason.NOT_V2G, Reason.NO_CONSENT, Reason.SOC_BELOW_MIN, Reason.SOC_CEILING, Reason.NONE, Reason.NO_HEADROOM,
    ]  # fmt: skip


@pytest.mark.parametrize("signal", [Signal.NEBEF, Signal.ECOWATT])
def test_reduction_takes_who_charges_without_priority(signal: Signal) -> None:
    fleet = vehicles(3, baseline_kw=[-7.0, 0.0, -7.0], priority=[False, False, True])
    assert _reasons(fleet, signal) == [Reason.NONE, Reason.NOT_CHARGING, Reason.PRIORITY]


def test_zero_headroom_is_explained_by_its_cause() -> None:
    fleet = vehicles(
        6,
        is_v2g=[False, True, True, True, True, True],
        consent=[True, False, True, True, True, True],
        soc=[0.5, 0.5, 0.1, 0.5, 0.99, 0.5],
        baseline_kw=[0.0, 0.0, 0.0, np.nan, -11.0, -11.0],
        baseline_kind=[0, 0, 0, Baseline.MISSING, 0, 0],
        min_soc=[0.3, 0.3, 0.1, 0.3, 0.3, 0.99],
        departure_s=[36_000.0, 36_000.0, 36_000.0, 36_000.0, 36_000.0, 7200.0],
    )
    assert _reasons(fleet, Signal.MA) == [
        Reason.NOT_CHARGING, Reason.NO_CONSENT, Reason.SOC_FLOOR, Reason.NO_BASELINE, Reason.BASELINE_ENDS, Reason.DEPARTURE,
    ]  # fmt: skip


def test_down_asks_for_room_to_charge() -> None:
    fleet = vehicles(3, soc=[1.0, 0.5, 0.5], baseline_kw=[0.0, -11.0, 0.0])
    assert _reasons(fleet, Signal.AFRR_DOWN, -1) == [Reason.SOC_CEILING, Reason.NO_HEADROOM, Reason.NONE]


def test_symmetric_products_use_the_smaller_side() -> None:
    can = capability(vehicles(baseline_kw=-4.0), TAU, CapabilityRules())
    assert headroom_kw(can, PRODUCTS[Signal.FCR], 1)[0] == 7.0
    assert headroom_kw(can, PRODUCTS[Signal.MA], 1)[0] == 15.0
    assert headroom_kw(can, PRODUCTS[Signal.MA], -1)[0] == 7.0


def test_a_direction_is_up_or_down() -> None:
    fleet = vehicles()
    can = capability(fleet, TAU, CapabilityRules())
    with pytest.raises(ValueError, match="direction"):
        eligibility(fleet, can, PRODUCTS[Signal.MA], 0, TAU, min_soc=0.0)
