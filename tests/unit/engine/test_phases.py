"""Phase limits of sites: the solver where they bind, its failure and fallback, and no way past them for anything that sets a setpoint."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.phase_checks import VirtualAside, assert_phases_kept, checked
from tests.unit.engine.virtual_time import START_UTC_S, in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import Strategy
from v2g_console.contract.replies import PlanView, Refusal, VehicleView

AMPERES_OF_10_KW = 10_000 / 230.0
SITE = {"name": "paris-nord", "phase_import_a": AMPERES_OF_10_KW, "phase_export_a": AMPERES_OF_10_KW}
GRID = {"grid": {"nodes": [SITE]}}


def one_phase(count: int, phase: int, *, first: int = 0, **kwargs: object) -> list[Car]:
    return cars(count, 2, first=first, site="paris-nord", phases=1, phase=phase, max_kw=7.4, **kwargs)


def three_phase(count: int, *, first: int = 0, **kwargs: object) -> list[Car]:
    return cars(count, 2, first=first, site="paris-nord", phases=3, **kwargs)


def told(one: Bench) -> list[str]:
    return [event.kind for event in one.told if isinstance(event, Strategy)]


async def planned(one: Bench, signal: str = "MA", **kwargs: Any) -> PlanView:
    plan = (await one.accepted(ask.Plan(signal=signal, duration_s=60.0, **kwargs))).result
    assert isinstance(plan, PlanView)
    return plan


@in_virtual_time
async def test_a_plan_keeps_each_phase_and_names_the_full_one() -> None:
    fleet = [*one_phase(4, 1), *three_phase(2, first=4)]
    async with bench(fleet, sections=GRID, allocator="lp") as one:
        one.core.aside = solver = VirtualAside()
        plan = await planned(one, power_kw=50.0)
        # All of what three phases share (22 kW, 7.33 of it on L1) and 2.67 kW on L1: every phase has 10 kW.
        assert plan.allocated_kw == pytest.approx(22.0 + 10.0 - 22.0 / 3, abs=0.02)
        assert solver.ran == 1
        assert plan.limits[0][0] == "SITE_LIMIT"
        assert {row.place for row in plan.rows if row.reason == "SITE_LIMIT"} == {"paris-nord L1"}
        assert [name for name, _ in plan.places] == ["paris-nord L1"]


@in_virtual_time
async def test_where_no_phase_binds_nothing_leaves_the_loop() -> None:
    async with bench(three_phase(4), sections=GRID) as one:
        one.core.aside = solver = VirtualAside()
        assert (await planned(one, power_kw=20.0)).allocated_kw == pytest.approx(20.0)
        assert solver.ran == 0


@in_virtual_time
async def test_who_tells_no_phase_counts_fully_on_each() -> None:
    async with bench(cars(4, 2, site="paris-nord"), sections=GRID) as one:
        one.core.aside = VirtualAside()
        assert (await planned(one, power_kw=40.0)).allocated_kw == pytest.approx(10.0, abs=0.02)
        assert (await planned(one, power_kw=-40.0)).allocated_kw == pytest.approx(-10.0, abs=0.02)


@in_virtual_time
async def test_who_is_charging_on_an_unknown_phase_may_stop_but_makes_no_room() -> None:
    fleet = [*cars(1, 2, site="paris-nord", natural_kw=-7.0), *one_phase(2, 2, first=1)]
    async with bench(fleet, sections=GRID) as one:
        one.core.aside = VirtualAside()
        assert (await planned(one, signal="NEBEF", power_kw=7.0, vehicles=("veh000000",))).allocated_kw == pytest.approx(7.0)
        down = await planned(one, power_kw=-14.0, vehicles=("veh000001", "veh000002"))
        assert down.allocated_kw == pytest.approx(-3.0, abs=0.02)


@in_virtual_time
async def test_base_load_counts_on_its_phase() -> None:
    site = {**SITE, "base_load_kw": 6.0, "phase_base_load_kw": [6.0, 0.0, 0.0]}
    fleet = [*one_phase(2, 1), *one_phase(2, 2, first=2)]
    async with bench(fleet, sections={"grid": {"nodes": [site]}}) as one:
        one.core.aside = VirtualAside()
        assert (await planned(one, power_kw=-30.0)).allocated_kw == pytest.approx(-14.0, abs=0.02)  # 4 and 10
        assert (await planned(one, power_kw=30.0)).allocated_kw == pytest.approx(14.8 + 10.0, abs=0.02)  # 16 are more than they have


@in_virtual_time
async def test_a_phase_that_others_overload_keeps_nobody_else_from_helping() -> None:
    fleet = [*one_phase(2, 1, natural_kw=-7.0), *cars(2, 2, first=2, site="lyon-2")]
    async with bench(fleet, sections=GRID) as one:
        one.core.aside = VirtualAside()
        down = await planned(one, power_kw=-30.0)
        assert down.allocated_kw == pytest.approx(-22.0, abs=0.02)
        assert {row.vehicle_id for row in down.rows if row.reason == "SITE_LIMIT"} == {"veh000000", "veh000001"}
        assert (await planned(one, power_kw=5.0, vehicles=("veh000000",))).allocated_kw == pytest.approx(5.0)


@in_virtual_time
async def test_lp_first_tells_its_attempt_failure_and_fallback_and_the_journal_keeps_them() -> None:
    fleet = [*one_phase(4, 1), *three_phase(2, first=4)]
    async with bench(fleet, sections=GRID, lp_first=["MA"], lp_time_limit_s=1e-9) as one:
        one.core.aside = VirtualAside()
        running = await checked(one).active("MA", 50.0, 20.0)
        assert told(one)[:3] == ["lp_attempt", "lp_failure", "smart_fallback"]
        assert running.allocator == "smart"
        assert float(np.sum(running.setpoint_kw)) > 12.0
        one.core.flush_notes()
        assert [record.kind for record in one.journal.records() if isinstance(record, Strategy)][:2] == ["lp_attempt", "lp_failure"]
    async with bench(fleet, sections=GRID, lp_first=["MA"]) as one:
        one.core.aside = VirtualAside()
        running = await checked(one).active("MA", 50.0, 20.0)
        assert told(one) == ["lp_attempt"]
        assert running.allocator == "lp"


@in_virtual_time
async def test_a_solver_that_never_answers_is_replaced() -> None:
    async with bench([*one_phase(4, 1), *three_phase(2, first=4)], sections=GRID, lp_first=["MA"]) as one:
        one.core.aside = slow = VirtualAside()
        slow.raises = TimeoutError
        await checked(one).active("MA", 50.0, 20.0)
        assert told(one) == ["lp_attempt", "lp_failure", "smart_fallback"]


@in_virtual_time
async def test_two_dispatches_decided_at_once_never_own_a_vehicle_twice() -> None:
    fleet = [*one_phase(4, 1), *three_phase(4, first=4)]
    async with bench(fleet, sections=GRID, allocator="lp") as one:
        checked(one)
        one.core.aside = VirtualAside(takes_s=0.3)
        wanted = ask.Dispatch(signal="MA", power_kw=60.0, duration_s=30.0)
        await asyncio.gather(one.say(wanted), one.say(wanted))
        await one.run_for(3.0)
        rows = [set(running.row_list) for running in one.core.running.values()]
        assert len(rows) >= 1
        assert sum(map(len, rows)) == len(set().union(*rows))


@in_virtual_time
async def test_an_armed_plan_is_operated_once_however_long_it_is_decided() -> None:
    async with bench([*one_phase(4, 1), *three_phase(4, first=4)], sections=GRID, allocator="lp") as one:
        one.core.aside = VirtualAside(takes_s=0.2)
        plan = await planned(one, power_kw=50.0)
        await one.accepted(ask.Arm(plan_id=plan.plan_id, revision=plan.revision))
        operate = ask.Operate(plan_id=plan.plan_id, revision=plan.revision)
        replies = await asyncio.gather(one.say(operate), one.say(operate))
        assert len(one.core.running) == 1
        assert [getattr(reply, "reason", None) for reply in replies] == [None, Refusal.UNKNOWN_PLAN]


@in_virtual_time
async def test_stop_while_it_is_decided_wins() -> None:
    async with bench([*one_phase(4, 1), *three_phase(4, first=4)], sections=GRID, allocator="lp") as one:
        one.core.aside = VirtualAside(takes_s=0.5)
        asking = asyncio.create_task(one.say(ask.Dispatch(signal="MA", power_kw=50.0, duration_s=30.0)))
        await asyncio.sleep(0.1)
        await one.accepted(ask.Stop(reason="fire"))
        reply = await asking
        assert getattr(reply, "reason", None) is Refusal.STOPPED
        assert not any(car.received for car in one.fleet.values())


@in_virtual_time
async def test_who_left_while_it_was_decided_is_not_sent_anything() -> None:
    fleet = [*one_phase(2, 1), *three_phase(2, first=2)]
    async with bench(fleet, sections=GRID, allocator="lp") as one:
        one.core.aside = VirtualAside(takes_s=0.5)
        asking = asyncio.create_task(one.say(ask.Dispatch(signal="MA", power_kw=50.0, duration_s=30.0)))
        await asyncio.sleep(0.1)
        gone = fleet[2]  # of whom the solver asks all it has
        gone.available = False
        one.link.report(gone)
        await asking
        await one.run_for(2.0)
        assert not gone.received
        assert all(car.received for car in fleet if car is not gone)


@in_virtual_time
async def test_a_release_finds_the_room_that_its_charging_needs() -> None:
    charging, other = one_phase(1, 1, natural_kw=-7.0), one_phase(1, 1, first=1)
    async with bench([*charging, *other], sections=GRID) as one:
        checked(one)
        one.core.aside = VirtualAside()
        await one.active("MA", 7.0, 20.0, vehicles=("veh000000",))
        await one.run_for(5.0)
        running = await one.active("MA", -7.0, 60.0, vehicles=("veh000001",))  # 3 kW: the other's 7 come back
        assert float(running.setpoint_kw[0]) == pytest.approx(-3.0, abs=0.02)
        await one.run_for(30.0)


@in_virtual_time
async def test_who_was_released_counts_with_its_charging_before_it_is_measured_again() -> None:
    charging, other = one_phase(1, 1, natural_kw=-7.0), one_phase(1, 1, first=1)
    async with bench([*charging, *other], sections=GRID) as one:
        one.core.aside = VirtualAside()
        running = await one.active("MA", 7.0, 60.0, vehicles=("veh000000",))
        await one.run_for(8.0)  # measured at 0 kW, long after its command
        charging[0].reports = False
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        assert (await planned(one, power_kw=-7.4, vehicles=("veh000001",))).allocated_kw == pytest.approx(-3.0, abs=0.02)


@in_virtual_time
async def test_a_release_to_more_charging_than_before_takes_only_what_the_phases_have() -> None:
    hurried = Car("old000000", 1, soc=0.6, min_soc=0.9, departure_s=START_UTC_S + 9000.0)
    sections = {**GRID, "fleet": {"sites": [{"site": "paris-nord", "vehicles": ["old*"]}]}}  # a v1 vehicle tells none itself
    async with bench([hurried, *one_phase(1, 1, natural_kw=-7.0)], sections=sections) as one:
        checked(one)
        one.core.aside = VirtualAside()
        running = await one.active("MA", -2.0, 20.0, vehicles=("old000000",))
        assert await one.over(running)
        assert hurried.received[-1].command.power_kw == pytest.approx(-3.0, abs=0.02)  # of 7.7 it would need
        await one.run_for(10.0)
        down = await planned(one, power_kw=-5.0, vehicles=("veh000000",))
        assert down.allocated_kw == pytest.approx(0.0, abs=0.02)


@in_virtual_time
async def test_a_silent_car_keeps_its_place_until_it_is_released() -> None:
    fleet = one_phase(4, 1)
    for car in fleet[:2]:
        car.answer = Answer.NEVER
    async with bench(fleet, sections=GRID, reallocation="balanced") as one:
        checked(one)
        one.core.aside = VirtualAside()
        await one.active("MA", 10.0, 60.0)
        await one.run_for(40.0)


@in_virtual_time
async def test_an_update_moves_within_the_phases() -> None:
    fleet = [*one_phase(4, 1), *three_phase(4, first=4)]
    async with bench(fleet, sections=GRID, reallocation="balanced") as one:
        checked(one)
        one.core.aside = VirtualAside()
        running = await one.active("MA", 10.0, 120.0)
        for power_kw in (28.0, -28.0, 5.0, -12.0, 29.0):
            await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=power_kw))
            await one.run_for(12.0)
        assert one.view(running).acknowledged_kw == pytest.approx(29.0, abs=1.5)


@in_virtual_time
async def test_what_is_taken_from_another_dispatch_keeps_the_phases() -> None:
    fleet = [*one_phase(4, 1), *three_phase(2, first=4)]
    async with bench(fleet, sections=GRID) as one:
        checked(one)
        one.core.aside = VirtualAside()
        await one.active("MA", 20.0, 120.0)
        await one.active("FCR", 9.0, 60.0, preempt=True)
        await one.run_for(70.0)


@in_virtual_time
async def test_a_vehicle_says_which_phase_holds_it_back() -> None:
    async with bench([*one_phase(4, 1), *three_phase(2, first=4)], sections=GRID, allocator="lp") as one:
        one.core.aside = VirtualAside()
        await one.active("MA", 50.0, 30.0)
        view = (await one.accepted(ask.Fleet(vehicle_id="veh000000"))).result
        assert isinstance(view, VehicleView)
        assert "paris-nord L1" in view.reason_text


async def test_the_solver_works_in_a_thread_of_its_own() -> None:
    fleet = [*one_phase(4, 1), *three_phase(2, first=4)]
    async with bench(fleet, sections=GRID, allocator="lp") as one:
        before = {thread.name for thread in threading.enumerate()}
        plan = await planned(one, power_kw=50.0)
        assert plan.allocated_kw == pytest.approx(22.0 + 10.0 - 22.0 / 3, abs=0.02)
        assert any(thread.name.startswith("solver") for thread in threading.enumerate())
        assert not any(name.startswith("solver") for name in before)
        assert_phases_kept(one)
