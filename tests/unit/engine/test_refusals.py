"""Requests that make no sense, or may not be made now: each gets a reason, and changes nothing."""

from typing import Any

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import RequestRefused
from v2g_console.contract.replies import Accepted, PlanView, Refusal, StatusView, VehicleView

GOOD: dict[str, Any] = {"signal": "FCR", "power_kw": 5.0, "duration_s": 60.0}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"power_kw": float("nan")}, Refusal.INVALID),
        ({"power_kw": float("inf")}, Refusal.INVALID),
        ({"power_kw": 0.0}, Refusal.INVALID),
        ({"power_kw": -0.0}, Refusal.INVALID),
        ({"power_kw": 1e300}, None),
        ({"power_kw": 5e-324}, Refusal.NO_VEHICLES),
        ({"duration_s": 0.0}, Refusal.INVALID),
        ({"duration_s": -60.0}, Refusal.INVALID),
        ({"duration_s": float("nan")}, Refusal.INVALID),
        ({"duration_s": float("inf")}, Refusal.INVALID),
        ({"duration_s": 8 * 86400.0}, Refusal.INVALID),
        ({"signal": "FCRX"}, Refusal.UNKNOWN_SIGNAL),
        ({"signal": ""}, Refusal.UNKNOWN_SIGNAL),
        ({"signal": "\x1b[2J" * 50}, Refusal.UNKNOWN_SIGNAL),
        ({"signal": "DELESTAGE"}, Refusal.UNKNOWN_SIGNAL),
        ({"signal": "aFRR_UP", "power_kw": -5.0}, Refusal.INVALID),
        ({"signal": "NEBEF", "power_kw": -5.0}, Refusal.INVALID),
        ({"signal": "EcoWatt", "power_kw": -5.0}, Refusal.INVALID),
        ({"allocator": "best"}, Refusal.INVALID),
        ({"sites": ("nowhere",)}, Refusal.INVALID),
        ({"segments": ("nobody",)}, Refusal.INVALID),
        ({"vehicles": ("veh999999",)}, Refusal.INVALID),
        ({"vehicles": ("../../etc",)}, Refusal.INVALID),
        ({"start_at": "yesterday"}, Refusal.INVALID),
        ({"start_at": "2026-11-23T13:30:00Z"}, Refusal.INVALID),
        ({"start_at": "2026-11-23T13:50:00"}, Refusal.INVALID),
        ({"start_at": "0001-01-01T00:00:00+14:00"}, Refusal.INVALID),
        ({"start_at": "9999-12-31T23:59:59-14:00"}, None),
        ({"power_kw": 100.0, "accept_partial": False}, Refusal.SHORTFALL),
        ({"signal": "NEBEF"}, Refusal.NO_VEHICLES),
    ],
)
@pytest.mark.parametrize("kind", [ask.Dispatch, ask.Plan])
@in_virtual_time
async def test_a_bad_request_is_refused_with_its_reason(
    kind: type[ask.Dispatch] | type[ask.Plan], wrong: dict[str, Any], reason: Refusal | None
) -> None:
    async with bench(cars(2)) as one:
        reply = await one.say(kind(**{**GOOD, **wrong}))
        if isinstance(reply, Accepted):
            assert reason in (None, Refusal.SHORTFALL, Refusal.NO_VEHICLES)
            assert kind is ask.Plan or reason is None
        else:
            assert reply.reason is reason
            assert reply.reason is not Refusal.INTERNAL
            assert reply.message
            assert len(reply.message) < 300
            assert one.core.running == {}


@in_virtual_time
async def test_unknown_things_are_refused() -> None:
    async with bench(cars(2)) as one:
        for request, reason in [
            (ask.Cancel(dispatch_id="nope"), Refusal.UNKNOWN_DISPATCH),
            (ask.Cancel(dispatch_id=""), Refusal.UNKNOWN_DISPATCH),
            (ask.Cancel(dispatch_id="#"), Refusal.UNKNOWN_DISPATCH),
            (ask.Update(dispatch_id="nope", power_kw=1.0), Refusal.UNKNOWN_DISPATCH),
            (ask.Retry(dispatch_id="nope"), Refusal.UNKNOWN_DISPATCH),
            (ask.DispatchDetail(dispatch_id="nope"), Refusal.UNKNOWN_DISPATCH),
            (ask.Fleet(vehicle_id="veh999999"), Refusal.UNKNOWN_VEHICLE),
            (ask.Arm(plan_id="nope", revision=1), Refusal.UNKNOWN_PLAN),
            (ask.Operate(plan_id="nope", revision=1), Refusal.UNKNOWN_PLAN),
            (ask.AckAlarm(alarm_id="nope"), Refusal.INVALID),
            (ask.Resume(), Refusal.WRONG_STATE),
        ]:
            assert (await one.refused(request)).reason is reason, request  # type: ignore[arg-type]  # a list of all kinds is one of structs


@in_virtual_time
async def test_a_prefix_that_fits_two_dispatches_is_refused() -> None:
    async with bench(cars(4)) as one:
        first = await one.active("MA", 2.0, 60.0, vehicles=("veh000000",))
        second = await one.active("MA", 2.0, 60.0, vehicles=("veh000001",))
        second.dispatch_id = first.dispatch_id[:8] + second.dispatch_id[8:]
        assert (await one.refused(ask.Cancel(dispatch_id=first.dispatch_id[:8]))).reason is Refusal.UNKNOWN_DISPATCH
        await one.accepted(ask.Cancel(dispatch_id=first.dispatch_id))


@in_virtual_time
async def test_read_only_looks_and_sends_nothing() -> None:
    fleet = cars(2)
    async with bench(fleet, read_only=True) as one:
        for request in (
            ask.Dispatch(signal="FCR", power_kw=5.0, duration_s=60.0),
            ask.Arm(plan_id="x", revision=1),
            ask.Operate(plan_id="x", revision=1),
            ask.Cancel(dispatch_id="x"),
            ask.Stop(),
            ask.Resume(),
        ):
            assert (await one.refused(request)).reason is Refusal.READ_ONLY
        assert isinstance((await one.accepted(ask.Plan(signal="FCR", power_kw=5.0, duration_s=60.0))).result, PlanView)
        assert isinstance((await one.accepted(ask.Status())).result, StatusView)
        assert isinstance((await one.accepted(ask.Fleet(vehicle_id="veh000000"))).result, VehicleView)
        assert all(car.received == [] for car in fleet)
        assert (await one.engine.snapshot()).engine.role == "viewer"


@in_virtual_time
async def test_a_limit_is_a_limit() -> None:
    async with bench(cars(2), max_power_kw=10.0) as one:
        assert (await one.refused(ask.Dispatch(signal="MA", power_kw=-10.1, duration_s=60.0))).reason is Refusal.LIMIT
        running = await one.active("MA", 10.0)
        assert (await one.refused(ask.Update(dispatch_id=running.dispatch_id, power_kw=11.0))).reason is Refusal.LIMIT


@in_virtual_time
async def test_a_refusal_is_an_event_with_its_line() -> None:
    async with bench(cars(1)) as one:
        await one.say(ask.Dispatch(signal="X", power_kw=1.0, duration_s=60.0), ask.Origin(user="ines", way="commands", detail="7"))
        await one.run_for(0.1)
        refused = [event for event in one.told if isinstance(event, RequestRefused)]
        assert [(event.reason, event.line, event.by) for event in refused] == [("UNKNOWN_SIGNAL", 7, "ines")]


@in_virtual_time
async def test_a_dry_run_answers_with_a_plan_and_sends_nothing() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        reply = await one.accepted(ask.Dispatch(signal="FCR", power_kw=5.0, duration_s=60.0, dry_run=True))
        assert isinstance(reply.result, PlanView)
        assert reply.result.allocated_kw == pytest.approx(5.0)
        await one.run_for(1.0)
        assert all(car.received == [] for car in fleet)
