"""Counts are of vehicles: one that was let go and taken again is one; and what a new target would change can be asked beforehand."""

import numpy as np
import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import DispatchDetailView, PlanView, Refusal
from v2g_console.contract.tags import TagKind, TagScope
from v2g_console.domain.states import CommandState
from v2g_console.engine.by_vehicle import command_counts, release_counts, times_taken, vehicles_of
from v2g_console.engine.dispatch import ReleaseState
from v2g_console.engine.totals import ack_progress
from v2g_console.engine.views import dispatch_detail


@in_virtual_time
async def test_a_vehicle_taken_again_counts_once_by_its_newest_command() -> None:
    async with bench(cars(4)) as one:
        running = await one.active("MA", 8.0, 60.0)
        first = int(running.row_list[0])
        running.set_commands(np.array([0]), CommandState.RELEASED)
        running.set_release(0, ReleaseState.CONFIRMED)
        running.left[0] = True
        again = running.add(np.array([first]), np.array([2.0]), np.array([0.0]), np.array([0.5]))
        running.set_commands(again, CommandState.QUEUED)
        assert len(running) == 5 and vehicles_of(running) == 4
        counts = command_counts(running)
        assert (counts[CommandState.ACKED], counts[CommandState.QUEUED], counts[CommandState.RELEASED]) == (3, 1, 0)
        assert sum(counts) == 4 and sum(release_counts(running)) == 4 and release_counts(running)[ReleaseState.CONFIRMED] == 0
        progress = ack_progress(one.core, running, one.clock.monotonic())
        assert (progress.commanded, progress.acked, progress.queued, progress.let_go) == (4, 3, 1, 0)
        assert times_taken(running).tolist() == [2, 1, 1, 1, 2]
        detail = dispatch_detail(one.core, running, 2000)
        assert detail.total == 4 and sorted(row.taken for row in detail.rows) == [1, 1, 1, 2]
        assert len({row.vehicle_id for row in detail.rows}) == 4


@in_virtual_time
async def test_every_vehicle_asked_is_in_one_of_the_counts_also_under_an_inhibit() -> None:
    fleet = cars(6)
    fleet[0].answer = Answer.REJECTED
    async with bench(fleet, reallocation="none") as one:
        running = await one.active("MA", 12.0, 120.0)
        await one.accepted(ask.Tag(kind=TagKind.INHIBIT, scope=TagScope.FLEET, note="smoke"))
        await one.run_for(3.0)
        view = one.view(running)
        shown = view.progress
        parts = (shown.acked, shown.limited, shown.rejected, shown.silent, shown.pending, shown.queued, shown.let_go)
        assert sum(parts) == shown.commanded == view.vehicles == 6
        assert shown.let_go >= 5 and shown.acked == 0


@in_virtual_time
async def test_an_alarm_says_that_no_vehicle_is_left() -> None:
    async with bench(cars(6), reallocation="none") as one:
        await one.active("MA", 12.0, 120.0)
        await one.accepted(ask.Tag(kind=TagKind.INHIBIT, scope=TagScope.FLEET, note="smoke"))
        await one.until(lambda: any("no vehicle is left under it" in str(event) for event in one.told), 60.0)


@in_virtual_time
async def test_a_new_target_can_be_looked_at_before_it_is_given() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 60.0)
        sent = [len(car.received) for car in fleet]
        reply = await one.accepted(ask.Plan(signal="MA", power_kw=16.0, duration_s=1.0, instead_of=running.dispatch_id))
        plan = reply.result
        assert isinstance(plan, PlanView)
        assert plan.allocated_kw == pytest.approx(16.0) and plan.requested_kw == 16.0 and plan.eligible == 4
        assert running.target_kw == 8.0 and running.course is None and [len(car.received) for car in fleet] == sent
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=16.0))
        await one.run_for(1.0)
        moved = sum(len(car.received) > before for car, before in zip(fleet, sent, strict=True))
        assert plan.moved == moved > 0


@in_virtual_time
async def test_a_look_at_a_new_target_arms_nothing_and_is_refused_where_the_target_would_be() -> None:
    async with bench(cars(4)) as one:
        running = await one.active("MA", 8.0, 60.0)
        look = ask.Plan(signal="MA", power_kw=12.0, duration_s=1.0, instead_of=running.dispatch_id)
        plan = (await one.accepted(look)).result
        assert isinstance(plan, PlanView)
        assert (await one.refused(ask.Arm(plan_id=plan.plan_id, revision=plan.revision))).reason is Refusal.UNKNOWN_PLAN
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        assert (await one.refused(look)).reason in {Refusal.WRONG_STATE, Refusal.UNKNOWN_DISPATCH}


@in_virtual_time
async def test_a_detail_of_an_ordinary_dispatch_has_a_row_a_vehicle() -> None:
    async with bench(cars(3)) as one:
        running = await one.active("MA", 6.0, 60.0)
        found = (await one.accepted(ask.DispatchDetail(dispatch_id=running.dispatch_id))).result
        assert isinstance(found, DispatchDetailView)
        assert found.total == 3 and [row.taken for row in found.rows] == [1, 1, 1]
