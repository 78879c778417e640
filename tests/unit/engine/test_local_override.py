"""A vehicle that somebody on the spot took over is left alone: until it follows again, an operator trusts it, or the time is over."""

import math

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import HoldsStanding, LocalOverride, OverrideBegun, OverrideEnded
from v2g_console.contract.replies import PlanView, VehicleView
from v2g_console.domain.states import CommandState
from v2g_console.journal.holds import Holds
from v2g_console.journal.recovery import Recovered
from v2g_console.transport.codec import encode_ack
from v2g_console.transport.wire import Ack


async def overridden(one: Bench) -> ask.Cancel:
    """Vehicle 0 acknowledged, then somebody plugged it out of our hands; the request that ends its dispatch."""
    running = await one.active("MA", 6.0, 600.0)
    car = one.fleet["veh000000"]
    identity = car.received[-1].command.command_id
    car.setpoint_kw = None
    one.link.inbound(one.link.topics.ack("veh000000"), encode_ack(Ack(identity, "rejected", None, "LOCAL_OVERRIDE")))
    await one.run_for(0.2)
    assert running.command_state[0] == CommandState.REJECTED
    return ask.Cancel(dispatch_id=running.dispatch_id)


async def seen(one: Bench) -> VehicleView:
    """Vehicle 0 as it is shown."""
    view = (await one.accepted(ask.Fleet(vehicle_id="veh000000"))).result
    assert isinstance(view, VehicleView)
    return view


async def left_out(one: Bench) -> dict[str, int]:
    """Who a plan leaves out."""
    plan = (await one.accepted(ask.Plan(signal="MA", power_kw=6.0, duration_s=60.0))).result
    assert isinstance(plan, PlanView)
    return plan.left_out


@in_virtual_time
async def test_it_is_left_alone_for_the_configured_time_and_the_reason_is_shown() -> None:
    async with bench(cars(3, 2), reallocation="balanced", sections={"interlocks": {"local_override_s": 100}}) as one:
        end = await overridden(one)
        await one.run_for(30.0)
        assert len(one.fleet["veh000000"].received) == 1
        assert (await seen(one)).reason == "LOCAL_OVERRIDE"
        assert (await seen(one)).failures == 0
        await one.accepted(end)
        await one.run_for(10.0)
        assert await left_out(one) == {"LOCAL_OVERRIDE": 1}
        left_s = (await seen(one)).override_s
        assert left_s is not None
        assert 50 < left_s < 70
        await one.run_for(65.0)
        assert await left_out(one) == {}
        assert (await seen(one)).override_s is None


@in_virtual_time
async def test_without_an_end_by_time_an_operator_trusts_it_again() -> None:
    async with bench(cars(3, 2), sections={"interlocks": {"local_override_s": 0}}) as one:
        await one.accepted(await overridden(one))
        await one.run_for(100.0)
        assert (await seen(one)).override_s == math.inf
        assert await left_out(one) == {"LOCAL_OVERRIDE": 1}
        await one.accepted(ask.ResetTrust(vehicle_id="veh000000"))
        assert await left_out(one) == {}


@in_virtual_time
async def test_it_says_itself_that_it_follows_again() -> None:
    async with bench(cars(3, 2)) as one:
        end = await overridden(one)
        identity = one.fleet["veh000000"].received[-1].command.command_id
        one.link.inbound(one.link.topics.ack("veh000000"), encode_ack(Ack(identity, "accepted", 2.0)))
        await one.run_for(0.2)
        await one.accepted(end)
        await one.run_for(10.0)
        assert await left_out(one) == {}


@in_virtual_time
async def test_it_is_released_like_all_others() -> None:
    async with bench(cars(3, 2)) as one:
        await one.accepted(await overridden(one))
        await one.run_for(5.0)
        car = one.fleet["veh000000"]
        assert car.answer is Answer.YES
        assert [received.release for received in car.received] == [False, True]


@pytest.mark.parametrize("local_override_s", [0, 900])
@in_virtual_time
async def test_a_restart_goes_on_leaving_it_alone_until_it_follows_again(local_override_s: int) -> None:
    sections = {"interlocks": {"local_override_s": local_override_s}}
    async with bench(cars(3, 2), sections=sections) as one:
        await one.accepted(await overridden(one))
        await one.run_for(20.0)
        (begun,) = [event for event in one.told if isinstance(event, OverrideBegun)]
        assert begun.vehicles == ("veh000000",)
        assert begun in one.journal.records()
    held = Holds(overrides=(LocalOverride(vehicle_id="veh000000", until_ms=begun.until_ms),))
    async with bench(cars(3, 2), found=Recovered(clean=False, holds=held), sections=sections) as again:
        assert await left_out(again) == {"LOCAL_OVERRIDE": 1}
        await again.active("MA", 6.0, 60.0)
        assert again.fleet["veh000000"].received == []
        await again.accepted(ask.ResetTrust(vehicle_id="veh000000"))
        await again.run_for(0.5)
        assert [event.vehicles for event in again.told if isinstance(event, OverrideEnded)] == [("veh000000",)]
        assert "LOCAL_OVERRIDE" not in await left_out(again)


@in_virtual_time
async def test_a_wrong_date_at_a_restart_leaves_nobody_alone_for_longer_than_configured() -> None:
    sections = {"interlocks": {"local_override_s": 100}}
    held = Holds(
        overrides=(LocalOverride(vehicle_id="veh000000", until_ms=9_000_000_000_000), LocalOverride(vehicle_id="veh000001", until_ms=1))
    )
    async with bench(cars(3, 2), found=Recovered(clean=False, holds=held), sections=sections) as one:
        assert await left_out(one) == {"LOCAL_OVERRIDE": 1}
        assert next(event.overrides for event in one.told if isinstance(event, HoldsStanding))[0].vehicle_id == "veh000000"
        await one.run_for(100.0)
        assert await left_out(one) == {}
