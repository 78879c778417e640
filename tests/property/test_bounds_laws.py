"""Whatever vehicles tell during a dispatch, within a second nobody who says so follows a setpoint beyond what he told."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.engine.bench import Bench
from tests.unit.engine.cars import Car
from tests.unit.engine.virtual_time import VirtualLoop
from v2g_console.config.settings import Settings
from v2g_console.contract import requests as ask
from v2g_console.engine.bounds import INWARD_SHARE

VEHICLES = 4
FLOOR_SOC, MIN_SOC, MARGIN_H = 0.1, 0.4, 600.0 / 3600.0
SUSTAINED_H = 930.0 / 3600.0
SLACK_KW = 0.02

socs = st.sampled_from([0.05, 0.1, 0.11, 0.39, 0.4, 0.41, 0.5, 0.8, 0.99, 1.0])
departures_h = st.sampled_from([None, 0.3, 0.6, 0.9, 1.5, 8.0])
news = st.tuples(st.integers(0, VEHICLES - 1), socs, departures_h, st.booleans(), st.sampled_from([3.7, 11.0]))
targets_kw = st.sampled_from([-30.0, -8.0, 8.0, 30.0])


def most_kw(car: Car, departs_h: float | None) -> float:
    """The highest setpoint that what `car` told allows for a quarter of an hour, worked out by hand."""
    kwh, eta = car.battery_kwh, 0.94
    floor = FLOOR_SOC if departs_h is not None else MIN_SOC
    can = max(0.0, min(car.max_kw, (car.soc - floor) * kwh * eta / SUSTAINED_H)) if car.consent else 0.0
    if departs_h is None:
        return min(can, 0.0 if car.soc < MIN_SOC - 1e-9 else can)
    need = MIN_SOC * kwh - eta * car.max_kw * max(0.0, departs_h - SUSTAINED_H - MARGIN_H)
    spare = car.soc * kwh - need
    return min(can, spare * eta / SUSTAINED_H) if spare >= 0 else max(-car.max_kw, spare / eta / SUSTAINED_H)


def least_kw(car: Car) -> float:
    """The lowest setpoint until the battery is full."""
    return -min(car.max_kw, (1.0 - car.soc) * car.battery_kwh / 0.94 / SUSTAINED_H)


async def _live(target_kw: float, told: list[tuple[int, float, float | None, bool, float]]) -> int:
    fleet = [Car(f"veh{n:06d}", 1 + n % 2, soc=0.6, min_soc=MIN_SOC) for n in range(VEHICLES)]
    chosen = Settings.model_validate({"dispatch": {"allocator": "equal", "reallocation": "balanced"}})
    one, bounded = Bench(fleet, chosen), 0
    await one.start()
    signal = "aFRR_UP" if target_kw > 0 else "aFRR_DOWN"
    await one.active(signal, target_kw, 3600.0)
    departs: dict[int, float | None] = dict.fromkeys(range(VEHICLES))
    for number, soc, departs_h, consent, max_kw in told:
        car = fleet[number]
        car.soc, departs[number] = soc, departs_h
        if car.protocol == 2:
            car.consent = consent
        car.max_kw = max_kw
        car.departure_s = None if departs_h is None else one.clock.utc() + departs_h * 3600.0
        one.link.describe(car)
        one.link.report(car)
        await one.run_for(1.0)
        power_kw = car.power_kw(one.clock.utc() * 1000)
        high, low = most_kw(car, departs[number]), least_kw(car)
        if car.setpoint_kw is not None:
            assert power_kw <= high + SLACK_KW + 0.01 * abs(high), (car, high)
            assert power_kw >= min(low, high * (1 + INWARD_SHARE)) - SLACK_KW - 0.01 * abs(low), (car, low)
            bounded += 1
    await one.accepted(ask.Stop())
    await one.run_for(1.0)
    await one.close()
    return bounded


@given(targets_kw, st.lists(news, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_held_vehicle_follows_a_setpoint_beyond_what_it_told(
    target_kw: float, told: list[tuple[int, float, float | None, bool, float]]
) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(_live(target_kw, told))


def test_the_law_is_not_empty() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(_live(30.0, [(n, 0.41, 0.6, n > 1, 11.0) for n in range(VEHICLES)])) == VEHICLES
