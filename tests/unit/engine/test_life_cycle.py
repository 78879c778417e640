"""From request to end: every signal, its steps and its sums."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.domain.states import DispatchState
from v2g_console.transport.port import PublishOutcome

STEPS = ["planned", "sending", "active", "releasing", "completed"]


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize(
    ("signal", "power_kw", "natural_kw", "expected_kw"),
    [
        ("FCR", 10.0, 0.0, 10.0),
        ("FCR", -10.0, 0.0, -10.0),
        ("aFRR_UP", 10.0, 0.0, 10.0),
        ("aFRR_DOWN", 10.0, 0.0, -10.0),
        ("aFRR", -10.0, 0.0, -10.0),
        ("MA", 10.0, 0.0, 10.0),
        ("MA", -10.0, 0.0, -10.0),
        ("NEBEF", 10.0, -7.4, 10.0),
        ("EcoWatt", 10.0, -7.4, 10.0),
    ],
)
@in_virtual_time
async def test_each_signal_runs_from_plan_to_release(
    protocol: int, signal: str, power_kw: float, natural_kw: float, expected_kw: float
) -> None:
    fleet = cars(5, protocol, natural_kw=natural_kw)
    async with bench(fleet) as one:
        running = await one.active(signal, power_kw, 30.0)
        await one.run_for(10.0)
        snapshot = await one.engine.snapshot()
        view = snapshot.dispatches[0]
        assert view.allocated_kw == pytest.approx(expected_kw, abs=0.01)
        assert view.acknowledged_kw == pytest.approx(expected_kw, abs=0.01)
        assert view.delivered_kw == pytest.approx(expected_kw, abs=0.01)
        assert view.delivered_coverage == 1.0
        assert view.shortfall_kw == pytest.approx(0.0, abs=0.01)
        assert view.uncertain_kw == 0.0
        assert sum(car.power_kw(one.clock.utc() * 1000) - natural_kw for car in fleet) == pytest.approx(expected_kw, abs=0.01)
        assert await one.over(running) is DispatchState.COMPLETED
        assert one.events_of(running) == STEPS
        assert all(car.power_kw(one.clock.utc() * 1000) == pytest.approx(natural_kw) for car in fleet)
        assert one.owned(running) == 0
        assert len(one.engine._owed) == 0


@in_virtual_time
async def test_it_ends_at_start_plus_duration() -> None:
    async with bench(cars(3)) as one:
        begun = one.clock.monotonic()
        running = await one.dispatch("MA", 5.0, 20.0)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        assert one.clock.monotonic() - begun == pytest.approx(20.0, abs=0.1)
        assert await one.over(running) is DispatchState.COMPLETED


@in_virtual_time
async def test_a_dispatch_of_which_nothing_could_be_published_fails_and_frees_its_vehicles() -> None:
    async with bench(cars(3)) as one:
        one.link.broker_says = dict.fromkeys(one.fleet, PublishOutcome.REFUSED)
        running = await one.dispatch("MA", 5.0)
        assert await one.over(running) is DispatchState.FAILED
        assert one.events_of(running) == ["planned", "sending", "failed"]
        assert one.owned(running) == 0
        assert running.pending == 0


@in_virtual_time
async def test_idle_charge_only_vehicles_give_nothing_up() -> None:
    async with bench([Car("veh000001", is_v2g=False), *(Car(f"veh00001{n}") for n in range(3))]) as one:
        running = await one.active("MA", 6.0)
        assert one.row("veh000001") not in running.row_list
        assert running.left_out == {"NOT_CHARGING": 1}


@in_virtual_time
async def test_silent_vehicles_make_it_active_after_the_ack_timeout() -> None:
    fleet = cars(4)
    fleet[0].answer = Answer.NEVER
    async with bench(fleet) as one:
        begun, fleet[0].reports = one.clock.monotonic(), False
        running = await one.active("MA", 8.0)
        assert one.clock.monotonic() - begun == pytest.approx(one.settings.dispatch.ack_timeout_seconds, abs=0.2)
        view = one.view(running)
        assert (view.progress.acked, view.progress.silent, view.progress.pending) == (3, 1, 0)
        assert view.acknowledged_kw == pytest.approx(6.0)
        assert view.shortfall_kw == pytest.approx(2.0)
        assert view.uncertain_kw == pytest.approx(2.0)
        assert running.pending == 0
