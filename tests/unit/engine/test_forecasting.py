"""The forecast of the hours to come: what is counted in it and what is not."""

import numpy as np
import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import START_UTC_S, in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.forecast import ForecastPoint, ForecastView
from v2g_console.contract.tags import TagKind, TagScope
from v2g_console.engine.forecasting import HOURS, KEPT_S, likely_sums
from v2g_console.prediction import HistoryPrediction, MockPrediction


async def forecast(one: Bench) -> ForecastView:
    """A fresh one."""
    await one.run_for(KEPT_S)
    reply = await one.accepted(ask.Forecast())
    assert isinstance(reply.result, ForecastView)
    return reply.result


def ahead(view: ForecastView, hours: float) -> ForecastPoint:
    """The first point at least so far ahead."""
    return next(point for point in view.points if point.utc_ms >= view.made_ms + hours * 3_600_000)


@in_virtual_time
async def test_it_begins_now_and_goes_on_at_the_full_hours_of_a_day() -> None:
    async with bench(cars(4)) as one:
        view = await forecast(one)
    assert view.points[0].utc_ms == view.made_ms
    assert [point.utc_ms % 3_600_000 for point in view.points[1:]] == [0] * HOURS
    assert np.diff([point.utc_ms for point in view.points[1:]]).tolist() == [3_600_000] * (HOURS - 1)


@in_virtual_time
async def test_without_a_prediction_who_is_there_stays_and_now_is_what_the_summary_says() -> None:
    async with bench([*cars(4), *cars(2, first=4, available=False)]) as one:
        view = await forecast(one)
        summary = one.engine._parts.headroom.summary
    assert summary.up_kw > 0
    for point in view.points:
        assert (point.there_p50, point.there_p90) == (4.0, 4.0)
    assert view.points[0].up_p50_kw == pytest.approx(summary.up_kw)
    assert view.points[0].down_p90_kw == pytest.approx(summary.down_p90_kw)


@in_virtual_time
async def test_a_vehicle_of_a_dispatch_is_headroom_again_when_that_ends() -> None:
    async with bench(cars(4)) as one:
        free = ahead(await forecast(one), 2.0)
        running = await one.active("MA", 40.0, 1.5 * 3600.0)
        assert one.owned(running) == 4
        view = await forecast(one)
    assert view.points[0].up_p50_kw == 0.0
    assert ahead(view, 1.6).up_p50_kw == pytest.approx(free.up_p50_kw)


@in_virtual_time
async def test_an_inhibited_vehicle_is_there_but_no_headroom() -> None:
    async with bench(cars(3)) as one:
        before = await forecast(one)
        await one.accepted(ask.Tag(kind=TagKind.INHIBIT, scope=TagScope.VEHICLE, name=one.core.fleet.ids[0], note="on the lift"))
        after = await forecast(one)
    assert after.points[1].there_p50 == 3.0
    assert after.points[1].up_p50_kw == pytest.approx(before.points[1].up_p50_kw * 2 / 3)


@in_virtual_time
async def test_nobody_promises_the_power_of_a_vehicle_after_the_departure_it_announced() -> None:
    async with bench([*cars(1), *cars(1, first=1, departure_s=START_UTC_S + 3 * 3600.0, min_soc=0.3)]) as one:
        view = await forecast(one)
    assert ahead(view, 4.0).up_p50_kw == pytest.approx(ahead(view, 1.0).up_p50_kw / 2, rel=0.05)


@in_virtual_time
async def test_a_battery_that_is_full_by_then_can_take_no_more_and_still_gives() -> None:
    async with bench(cars(1, soc=0.8, natural_kw=-11.0)) as one:
        view = await forecast(one)
    assert view.points[0].up_p50_kw > 11.0
    assert ahead(view, 3.0).up_p50_kw == pytest.approx(11.0)
    assert ahead(view, 3.0).down_p50_kw == 0.0


@in_virtual_time
async def test_doubt_lowers_what_is_sure_and_habit_brings_back_who_is_away() -> None:
    async with bench([*cars(10), *cars(10, first=10, available=False)]) as one:
        one.core.prediction = MockPrediction()
        doubtful = (await forecast(one)).points[5]
        assert 0 < doubtful.up_p90_kw < doubtful.up_p50_kw
        habit = HistoryPrediction()
        now_s = one.core.clock.utc()
        for hour in range(-24 * 21, 0):
            habit.observe(np.arange(20), np.full(20, (now_s / 3600 + hour) % 24 < 12), now_s + hour * 3600.0)
        one.core.prediction = habit
        there = {(point.utc_ms / 3_600_000) % 24: point.there_p50 for point in (await forecast(one)).points[2:]}
    assert there[6.0] > 15 > 5 > there[18.0]


@in_virtual_time
async def test_consoles_share_a_forecast_for_a_while() -> None:
    async with bench(cars(2)) as one:
        first = await forecast(one)
        again = await one.accepted(ask.Forecast())
        assert again.result is first
        assert (await forecast(one)).made_ms > first.made_ms


@in_virtual_time
async def test_a_dispatch_that_waits_for_its_time_says_when_that_is() -> None:
    async with bench(cars(4)) as one:
        due_ms = one.core.utc_ms() // 1000 * 1000 + 30_000
        start = np.datetime_as_string(np.datetime64(due_ms, "ms"), unit="s") + "Z"
        running = await one.dispatch("MA", 10.0, 60.0, start_at=start)
        assert one.view(running).due_ms == due_ms
        await one.until(lambda: one.view(running).started_ms is not None, 60.0)
        assert one.view(running).due_ms is None


def test_sums_of_doubtful_vehicles_are_those_of_the_normal_approximation() -> None:
    mean, sure = likely_sums(np.full(100, 10.0), np.full(100, 0.5))
    assert (mean, round(sure)) == (500.0, 436)
    assert likely_sums(np.array([10.0]), np.array([0.1])) == (1.0, 0.0)
