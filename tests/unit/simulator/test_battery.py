"""Energy is kept account of both ways, and no power breaks a limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_console.simulator.battery import Battery

PACK = Battery(capacity_kwh=60.0, max_charge_kw=11.0, max_discharge_kw=10.0, min_charge_kw=1.4, min_discharge_kw=1.4, floor_soc=0.2)


def test_charging_loses_energy_on_the_way_in() -> None:
    assert PACK.after(0.5, -10.0, 3600.0) == pytest.approx(0.5 + 10.0 * 0.94 / 60.0)


def test_discharging_loses_energy_on_the_way_out() -> None:
    assert PACK.after(0.5, 10.0, 3600.0) == pytest.approx(0.5 - 10.0 / 0.94 / 60.0)


def test_a_round_trip_comes_back_emptier() -> None:
    charged = PACK.after(0.5, -8.0, 1800.0)
    assert PACK.after(charged, 8.0, 1800.0) < 0.5


@pytest.mark.parametrize(
    ("soc", "wanted_kw", "possible_kw"),
    [
        (0.5, 25.0, 10.0),
        (0.5, -25.0, -11.0),
        (0.5, 3.3, 3.3),
        (0.2, 5.0, 0.0),  # at the floor
        (0.1, 5.0, 0.0),  # below it
        (0.1, -5.0, -5.0),
        (1.0, -5.0, 0.0),  # full
        (1.0, 5.0, 5.0),
        (0.5, 1.3, 0.0),  # below the least a charger can do
        (0.5, -1.3, 0.0),
        (0.98, -11.0, -6.325),  # taper: half way from 0.96 to full
    ],
)
def test_what_is_possible(soc: float, wanted_kw: float, possible_kw: float) -> None:
    assert PACK.possible_kw(soc, wanted_kw) == pytest.approx(possible_kw)


def test_a_battery_stops_at_its_floor_and_at_its_ceiling() -> None:
    assert PACK.after(0.25, 10.0, 7200.0) == pytest.approx(0.2)
    assert PACK.after(0.95, -11.0, 7200.0) == pytest.approx(1.0)


def test_a_battery_outside_its_bounds_is_not_pulled_back() -> None:
    assert PACK.after(0.1, 0.0, 3600.0) == 0.1
    assert Battery(60.0, 11.0, 10.0, ceiling_soc=0.8).after(0.9, 0.0, 3600.0) == 0.9


@given(
    soc=st.floats(0.0, 1.0),
    steps=st.lists(st.tuples(st.floats(-1000.0, 1000.0), st.floats(0.0, 86_400.0)), max_size=20),
)
def test_no_sequence_of_wishes_leaves_the_bounds_or_the_limits(soc: float, steps: list[tuple[float, float]]) -> None:
    lowest, highest = min(soc, PACK.floor_soc), max(soc, PACK.ceiling_soc)
    for wanted_kw, seconds in steps:
        power_kw = PACK.possible_kw(soc, wanted_kw)
        assert -11.0 <= power_kw <= 10.0
        assert power_kw * wanted_kw >= 0.0
        assert abs(power_kw) <= abs(wanted_kw)
        soc = PACK.after(soc, power_kw, seconds)
        assert lowest <= soc <= highest
