"""Select before operate."""

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView, Refusal
from v2g_console.domain.states import DispatchState


async def plan(one: Bench, power_kw: float = 6.0) -> PlanView:
    view = (await one.accepted(ask.Plan(signal="MA", power_kw=power_kw, duration_s=30.0))).result
    assert isinstance(view, PlanView)
    return view


@in_virtual_time
async def test_plan_arm_operate() -> None:
    async with bench(cars(3)) as one:
        view = await plan(one)
        assert (view.vehicles, view.eligible, view.considered) == (3, 3, 3)
        assert view.without_lease_kw == pytest.approx(6.0)
        armed = (await one.accepted(ask.Arm(plan_id=view.plan_id, revision=view.revision))).result
        assert isinstance(armed, PlanView)
        assert armed.armed_until_ms == one.core.utc_ms() + 10_000
        reply = await one.accepted(ask.Operate(plan_id=view.plan_id, revision=view.revision))
        running = one.core.find(reply.dispatch_id)
        assert running is not None
        assert await one.over(running) is DispatchState.COMPLETED
        again = await one.refused(ask.Operate(plan_id=view.plan_id, revision=view.revision))
        assert again.reason is Refusal.UNKNOWN_PLAN


@in_virtual_time
async def test_a_plan_must_be_armed_and_is_armed_for_ten_seconds_only() -> None:
    async with bench(cars(3)) as one:
        view = await plan(one)
        operate = ask.Operate(plan_id=view.plan_id, revision=view.revision)
        assert (await one.refused(operate)).reason is Refusal.NOT_ARMED
        await one.accepted(ask.Arm(plan_id=view.plan_id, revision=view.revision))
        await one.run_for(10.1)
        assert (await one.refused(operate)).reason is Refusal.ARM_EXPIRED
        assert (await one.refused(operate)).reason is Refusal.NOT_ARMED
        await one.accepted(ask.Arm(plan_id=view.plan_id, revision=view.revision))
        await one.accepted(operate)


@in_virtual_time
async def test_a_fleet_that_changed_gives_a_new_revision_that_must_be_armed_again() -> None:
    fleet = cars(8)
    async with bench(fleet) as one:
        view = await plan(one, 80.0)
        await one.accepted(ask.Arm(plan_id=view.plan_id, revision=1))
        for car in fleet[:4]:
            car.available = False
        await one.run_for(3.0)
        refused = await one.refused(ask.Operate(plan_id=view.plan_id, revision=1))
        assert refused.reason is Refusal.PLAN_CHANGED
        assert refused.plan is not None
        assert (refused.plan.plan_id, refused.plan.revision, refused.plan.vehicles) == (view.plan_id, 2, 4)
        assert (await one.refused(ask.Operate(plan_id=view.plan_id, revision=2))).reason is Refusal.NOT_ARMED
        assert (await one.refused(ask.Arm(plan_id=view.plan_id, revision=1))).reason is Refusal.PLAN_CHANGED
        await one.accepted(ask.Arm(plan_id=view.plan_id, revision=2))
        await one.accepted(ask.Operate(plan_id=view.plan_id, revision=2))


@pytest.mark.parametrize(("typed_kw", "accepted"), [(None, False), (59.0, False), (-60.0, True), (60.0, True), (float("nan"), False)])
@in_virtual_time
async def test_above_a_limit_the_power_is_typed(typed_kw: float | None, accepted: bool) -> None:
    async with bench(cars(6), confirm_above_kw=50.0) as one:
        view = await plan(one, -60.0)
        assert view.type_to_confirm
        reply = await one.say(ask.Arm(plan_id=view.plan_id, revision=1, typed_kw=typed_kw))
        assert (getattr(reply, "reason", None) is Refusal.TYPE_TO_CONFIRM) is not accepted
        if not accepted:
            assert (await one.refused(ask.Operate(plan_id=view.plan_id, revision=1))).reason is Refusal.NOT_ARMED


@in_virtual_time
async def test_a_plan_may_be_dropped_and_only_so_many_are_kept() -> None:
    async with bench(cars(1)) as one:
        first = await plan(one)
        await one.accepted(ask.Cancel(dispatch_id=first.plan_id))
        assert (await one.refused(ask.Arm(plan_id=first.plan_id, revision=1))).reason is Refusal.UNKNOWN_PLAN
        for _ in range(100):
            await plan(one)
        assert len(one.engine._parts.plans._plans) <= 32


@in_virtual_time
async def test_operating_is_refused_while_stopped() -> None:
    async with bench(cars(2)) as one:
        view = await plan(one)
        await one.accepted(ask.Arm(plan_id=view.plan_id, revision=1))
        await one.accepted(ask.Stop())
        assert (await one.refused(ask.Operate(plan_id=view.plan_id, revision=1))).reason is Refusal.STOPPED
