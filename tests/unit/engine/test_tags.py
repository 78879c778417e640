"""Tags: an INHIBIT keeps out and takes out of everything but release and STOP; a CAUTION warns and asks; both say who and why."""

import pytest

from tests.unit.engine.bench import Bench, JournalError, bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import TagAdded, TagRemoved
from v2g_console.contract.replies import FleetPage, PlanView, Refusal, VehicleView
from v2g_console.contract.tags import LONGEST_NOTE_CHARS, MOST_TAGS, TagDone, TagKind, TagScope, TagsView
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import DispatchState

INHIBIT, CAUTION = TagKind.INHIBIT, TagKind.CAUTION
ROLES = {"access": {"roles": [{"role": "operator", "users": ["ines", "olivier"]}, {"role": "supervisor", "users": ["salma"]}]}}


def on_vehicle(name: str, kind: TagKind = INHIBIT, note: str = "roof works at bay 4") -> ask.Tag:
    """A tag on one vehicle."""
    return ask.Tag(kind=kind, scope=TagScope.VEHICLE, name=name, note=note)


async def hung(one: Bench, tag: ask.Tag) -> TagDone:
    """The answer to a tag that must be taken."""
    done = (await one.accepted(tag)).result
    assert isinstance(done, TagDone)
    return done


@in_virtual_time
async def test_an_inhibited_vehicle_takes_part_in_nothing_and_the_plan_says_why() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        done = await hung(one, on_vehicle("veh000001"))
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=30.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.left_out == {"TAGGED": 1}
        assert f"INHIBIT {done.tag.tag_id} on vehicle veh000001 by ines: roof works at bay 4" in plan.warnings
        running = await one.active("MA", 30.0, 20.0)
        assert await one.over(running) is DispatchState.COMPLETED
        assert fleet[1].received == []
        refused = await one.refused(ask.Dispatch(signal="MA", power_kw=5.0, duration_s=60.0, vehicles=("veh000001",)))
        assert refused.reason is Refusal.TAGGED
        assert "roof works at bay 4" in refused.message


@pytest.mark.parametrize("protocol", [1, 2])
@in_virtual_time
async def test_an_inhibit_on_a_vehicle_in_use_releases_it_at_once_and_the_others_close_the_gap(protocol: int) -> None:
    fleet = cars(6, protocol)
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 12.0, 600.0)
        done = await hung(one, on_vehicle("veh000002"))
        assert done.gap_closed
        assert [(lost.short_id, lost.vehicles, lost.power_kw) for lost in done.inhibited] == [(running.short_id, 1, 2.0)]
        await one.until(lambda: not fleet[2].setpoint_kw, 1.0)
        await one.run_for(8.0)
        assert one.view(running).acknowledged_kw == pytest.approx(12.0)
        assert not fleet[2].setpoint_kw
        assert len(one.engine._owed) == 0
        assert running.reason[2] == Reason.TAGGED
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=18.0))
        await one.run_for(2.0)
        assert not fleet[2].setpoint_kw
        assert one.view(running).acknowledged_kw == pytest.approx(18.0)


@in_virtual_time
async def test_an_inhibit_is_carried_out_while_the_journal_fails_and_says_that_it_is_not_durable() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        await one.active("MA", 6.0, 600.0)
        one.journal.fails = JournalError
        done = await hung(one, on_vehicle("veh000000"))
        assert not done.durable
        await one.until(lambda: fleet[0].setpoint_kw == 0.0, 5.0)


@in_virtual_time
async def test_an_inhibit_stops_renewals_and_what_was_not_sent_yet() -> None:
    fleet = cars(2, 2)
    async with bench(fleet, lease_s=60.0) as one:
        one.journal.round_s = 1.0
        running = await one.dispatch("MA", 4.0, 300.0)
        await one.run_for(0.2)
        await hung(one, on_vehicle("veh000000"))
        one.journal.round_s = 0.0
        await one.until(lambda: running.state is DispatchState.ACTIVE)
        assert fleet[0].received == []
        await hung(one, on_vehicle("veh000001"))
        await one.run_for(100.0)
        assert [received.release for received in fleet[1].received] == [False, True]


@in_virtual_time
async def test_a_silent_inhibited_vehicle_stays_owed_and_is_asked_again() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        await one.active("MA", 4.0, 600.0)
        fleet[0].answer, fleet[0].follows = Answer.NEVER, False
        fleet[0].natural_kw = 2.0
        await hung(one, on_vehicle("veh000000"))
        await one.run_for(20.0)
        assert len(one.engine._owed) == 1
        assert len(fleet[0].received) > 2
        fleet[0].answer, fleet[0].follows = Answer.YES, True
        await one.run_for(60.0)
        assert len(one.engine._owed) == 0


@in_virtual_time
async def test_release_and_stop_ignore_tags() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        running = await one.active("MA", 6.0, 600.0)
        await one.accepted(ask.Stop())
        await hung(one, ask.Tag(kind=INHIBIT, scope=TagScope.FLEET, note="storm"))
        assert await one.over(running) is DispatchState.STOPPED
        assert [car.setpoint_kw for car in fleet] == [0.0] * 3


@in_virtual_time
async def test_a_tag_on_a_site_holds_for_vehicles_that_come_later_and_for_those_that_move_there() -> None:
    fleet = [*cars(2, 2, site="lyon-2"), *cars(2, 2, first=2, site="paris-nord")]
    async with bench(fleet, reallocation="none") as one:
        await hung(one, ask.Tag(kind=INHIBIT, scope=TagScope.SITE, name="lyon-2", note="transformer is warm"))
        running = await one.active("MA", 8.0, 600.0)
        assert running.row_list == [2, 3]
        fleet[3].site = "lyon-2"
        one.link.describe(fleet[3])
        await one.until(lambda: fleet[3].setpoint_kw is None, 5.0)
        assert fleet[2].setpoint_kw == 4.0


@in_virtual_time
async def test_a_dispatch_that_starts_later_finds_the_tags_of_then() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        later = await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T13:40:00Z")
        await hung(one, on_vehicle("veh000000"))
        await one.until(lambda: later.state is DispatchState.ACTIVE)
        assert later.row_list == [1]


@in_virtual_time
async def test_preemption_takes_no_tagged_vehicle() -> None:
    fleet = cars(3, soc=0.8)
    async with bench(fleet) as one:
        await one.active("MA", 30.0, 600.0)
        await hung(one, on_vehicle("veh000001"))
        await one.run_for(8.0)
        winner = await one.active("FCR", 30.0, 60.0, preempt=True)
        assert winner.row_list == [0, 2]
        refused = await one.refused(ask.Dispatch(signal="MA", power_kw=2.0, duration_s=60.0))
        assert refused.reason is Refusal.NO_VEHICLES
        assert "roof works at bay 4" in refused.hint


# CAUTION


@in_virtual_time
async def test_a_caution_is_named_in_the_plan_and_arming_asks() -> None:
    async with bench(cars(2)) as one:
        done = await hung(one, on_vehicle("veh000000", CAUTION, "new inverter"))
        assert done.inhibited == ()
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=4.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.cautions == (done.tag,)
        assert done.tag.words in plan.warnings
        refused = await one.refused(ask.Arm(plan_id=plan.plan_id, revision=1))
        assert refused.reason is Refusal.CAUTION
        assert "new inverter" in refused.message
        await one.accepted(ask.Arm(plan_id=plan.plan_id, revision=1, accept_cautions=True))
        await one.accepted(ask.Operate(plan_id=plan.plan_id, revision=1))


@in_virtual_time
async def test_a_caution_hung_up_after_arming_changes_the_plan() -> None:
    async with bench(cars(2)) as one:
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=4.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        await one.accepted(ask.Arm(plan_id=plan.plan_id, revision=1))
        await hung(one, on_vehicle("veh000001", CAUTION))
        refused = await one.refused(ask.Operate(plan_id=plan.plan_id, revision=1))
        assert refused.reason is Refusal.PLAN_CHANGED
        assert refused.plan is not None
        assert [tag.name for tag in refused.plan.cautions] == ["veh000001"]


@in_virtual_time
async def test_a_machine_must_accept_a_caution_with_its_request() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        await hung(one, on_vehicle("veh000000", CAUTION))
        asked = ask.Dispatch(signal="MA", power_kw=4.0, duration_s=60.0)
        assert (await one.refused(asked)).reason is Refusal.CAUTION
        assert all(car.received == [] for car in fleet)
        await one.active("MA", 4.0, 60.0, accept_cautions=True)


@in_virtual_time
async def test_reallocation_takes_no_cautioned_vehicle_that_nobody_accepted() -> None:
    fleet = cars(3)
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 8.0, 600.0, vehicles=("veh000000", "veh000001", "veh000002"))
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        await hung(one, on_vehicle("veh000002", CAUTION))
        await hung(one, on_vehicle("veh000002"))
        running = await one.active("MA", 22.0, 600.0)
        inhibit = next(tag for tag in one.core.tags.views() if tag.kind is INHIBIT)
        await one.accepted(ask.Untag(tag_id=inhibit.tag_id, note="done"))
        fleet[0].available = False
        await one.run_for(30.0)
        assert 2 not in running.row_list


# Who may, and how much


@in_virtual_time
async def test_somebody_elses_inhibit_needs_a_supervisor() -> None:
    async with bench(cars(1), sections=ROLES) as one:
        mine, other = ask.Origin(user="ines", way="console"), ask.Origin(user="olivier", way="cli")
        done = (await one.accepted(on_vehicle("veh000000"))).result
        assert isinstance(done, TagDone)
        untag = ask.Untag(tag_id=done.tag.tag_id, note="roof is done")
        reply = await one.say(untag, other)
        assert getattr(reply, "reason", None) is Refusal.FORBIDDEN
        assert "ines" in getattr(reply, "message", "")
        assert len(one.core.tags) == 1
        supervisor = ask.Origin(user="salma", way="cli")
        assert getattr(await one.say(untag, supervisor), "result", None) is not None
        again = (await one.accepted(on_vehicle("veh000000"))).result
        assert isinstance(again, TagDone)
        assert isinstance(getattr(await one.say(ask.Untag(tag_id=again.tag.tag_id, note="x"), mine), "result", None), TagDone)
        caution = (await one.accepted(on_vehicle("veh000000", CAUTION))).result
        assert isinstance(caution, TagDone)
        assert isinstance(getattr(await one.say(ask.Untag(tag_id=caution.tag.tag_id, note="x"), other), "result", None), TagDone)


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        (on_vehicle("veh999999"), Refusal.UNKNOWN_VEHICLE),
        (on_vehicle("veh000000", note="  "), Refusal.INVALID),
        (on_vehicle("veh000000", note="x" * (LONGEST_NOTE_CHARS + 1)), Refusal.INVALID),
        (on_vehicle("../../etc/passwd"), Refusal.INVALID),
        (ask.Tag(kind=INHIBIT, scope=TagScope.SITE, name="nowhere", note="x"), Refusal.INVALID),
        (ask.Tag(kind=INHIBIT, scope=TagScope.FLEET, name="veh000000", note="x"), Refusal.INVALID),
    ],
)
@in_virtual_time
async def test_a_tag_that_would_protect_nobody_is_refused(tag: ask.Tag, reason: Refusal) -> None:
    async with bench(cars(1)) as one:
        assert (await one.refused(tag)).reason is reason
        assert len(one.core.tags) == 0


@in_virtual_time
async def test_a_hostile_note_is_kept_harmless_and_short() -> None:
    async with bench(cars(1)) as one:
        done = await hung(one, on_vehicle("veh000000", note="\x1b[2Jgone\u202e\n" + "é" * 150))
        assert done.tag.note.startswith("\\x1b[2Jgone\\u202e\\n")
        assert len(done.tag.note) <= LONGEST_NOTE_CHARS
        assert done.tag.note.isprintable()


@in_virtual_time
async def test_there_are_only_so_many_tags() -> None:
    async with bench(cars(1)) as one:
        for _ in range(MOST_TAGS):
            await one.accepted(on_vehicle("veh000000", CAUTION))
        assert (await one.refused(on_vehicle("veh000000"))).reason is Refusal.LIMIT


@in_virtual_time
async def test_tags_are_told_listed_and_shown_everywhere() -> None:
    fleet = cars(2, 2, site="lyon-2")
    async with bench(fleet) as one:
        first = await hung(one, on_vehicle("veh000000"))
        second = await hung(one, ask.Tag(kind=CAUTION, scope=TagScope.SITE, name="lyon-2", note="ice"))
        await one.run_for(1.5)
        snapshot = await one.engine.snapshot()
        assert snapshot.tags == (first.tag, second.tag)
        assert snapshot.fleet.tag is not None
        assert snapshot.fleet.tag.tolist() == [2, 1]
        assert snapshot.summary.up_kw == pytest.approx(11.0)
        listed = (await one.accepted(ask.Tags())).result
        assert listed == TagsView(tags=(first.tag, second.tag))
        vehicle = (await one.accepted(ask.Fleet(vehicle_id="veh000000"))).result
        assert isinstance(vehicle, VehicleView)
        assert vehicle.tags == (first.tag, second.tag)
        page = (await one.accepted(ask.Fleet())).result
        assert isinstance(page, FleetPage)
        assert [row.tag for row in page.rows] == ["INHIBIT", "CAUTION"]
        await one.accepted(ask.Untag(tag_id=second.tag.tag_id, note="thawed"))
        assert (await one.refused(ask.Untag(tag_id=second.tag.tag_id, note="x"))).reason is Refusal.UNKNOWN_TAG
        await one.run_for(0.2)
        told = [event for event in one.told if isinstance(event, TagAdded | TagRemoved)]
        assert [type(event) for event in told] == [TagAdded, TagAdded, TagRemoved]
        assert told[2] == TagRemoved(ts=told[2].ts, placed=second.tag, by="ines", way="console", note="thawed")
