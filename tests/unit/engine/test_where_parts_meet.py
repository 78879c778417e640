"""Where parts of the engine meet: tags and releases that wait, solvers and newer targets, approvals and second thoughts, roles and STOP."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.crash import crash
from tests.unit.engine.phase_checks import VirtualAside
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.allocation import AllocationError
from v2g_console.config.settings import AccessSettings, Settings
from v2g_console.contract import requests as ask
from v2g_console.contract.events import DispatchFailed
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.contract.tags import TagKind, TagScope
from v2g_console.domain.states import DispatchState
from v2g_console.engine import access as access_module
from v2g_console.engine import lifecycle
from v2g_console.engine.access import GROUPS_S, Access
from v2g_console.engine.clock import SystemClock
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.tags import CAUTIONED, INHIBITED
from v2g_console.journal.holds import Holds
from v2g_console.journal.port import JournalError, ReleaseOutcome, ReleasesRecord, RoundRecord
from v2g_console.journal.sqlite import SqliteJournal, SqliteOptions
from v2g_console.journal.wanted import Wanted

AMPERES_OF_10_KW = 10_000 / 230.0
PHASES = {"nodes": [{"name": "paris-nord", "phase_import_a": AMPERES_OF_10_KW, "phase_export_a": AMPERES_OF_10_KW}]}
NARROW_SITE = {"grid": {"nodes": [{"name": "depot", "import_kw": 40.0, "base_load_kw": 5.0}]}}
ROLES = [{"role": "operator", "users": ["omar"]}, {"role": "supervisor", "users": ["sven", "sara", "ines"]}]
OMAR, SVEN, SARA = (ask.Origin(user=user, way="socket") for user in ("omar", "sven", "sara"))


def site_with_phases() -> list[Car]:
    """Four on L1, of which 10 kW may flow, and two on all three phases."""
    return [*cars(4, 2, site="paris-nord", phases=1, phase=1, max_kw=7.4), *cars(2, 2, first=4, site="paris-nord", phases=3)]


def tag(vehicle_id: str, kind: TagKind = TagKind.INHIBIT) -> ask.Tag:
    return ask.Tag(kind=kind, scope=TagScope.VEHICLE, name=vehicle_id, note="somebody works on it")


def released(car: Car) -> bool:
    return bool(car.received and car.received[-1].release)


# Tags


@in_virtual_time
async def test_an_inhibit_does_not_wait_for_room_in_a_release_that_is_paced() -> None:
    fleet = cars(8, 2, site="depot", natural_kw=-4.0, soc=0.5)
    async with bench(fleet, sections=NARROW_SITE) as one:
        running = await one.active("MA", 30.0, 20.0)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        await one.run_for(1.0)
        waiting = [car for car in fleet if not released(car)]
        assert len(waiting) >= 2
        await one.accepted(tag(waiting[0].vehicle_id))
        await one.run_for(0.5)
        assert released(waiting[0])
        assert not released(waiting[1]), "the others wait on"


@in_virtual_time
async def test_an_inhibit_does_not_wait_for_its_turn_in_a_slow_release() -> None:
    fleet = cars(8, 2)
    async with bench(fleet, release_ramp_s=20.0) as one:
        running = await one.active("MA", 30.0, 20.0)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        await one.run_for(0.3)
        waiting = [car for car in fleet if not released(car)]
        for car in waiting[:3]:
            await one.accepted(tag(car.vehicle_id))
        await one.run_for(0.6)
        assert all(map(released, waiting[:3]))
        assert not all(map(released, fleet))


@pytest.mark.parametrize("ramp_kw_per_s", [0.0, 1.0])
@in_virtual_time
async def test_a_scheduled_dispatch_takes_nobody_under_a_caution_that_was_hung_up_after_it_was_asked_for(ramp_kw_per_s: float) -> None:
    fleet = cars(3)
    async with bench(fleet, ramp_kw_per_s=ramp_kw_per_s) as one:
        later = await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T13:40:00Z")
        accepting = await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T13:42:00Z", accept_cautions=True, vehicles=("veh000000",))
        await one.accepted(tag("veh000000", TagKind.CAUTION))
        await one.until(lambda: later.state is DispatchState.ACTIVE)
        await one.run_for(8.0)
        assert 0 not in later.row_list
        assert fleet[0].received == []
        await one.until(lambda: accepting.state is DispatchState.ACTIVE, 200.0)
        assert accepting.row_list == [0], "who took the cautions on it may use it"


@in_virtual_time
async def test_vehicles_taken_out_by_a_tag_are_no_missing_acknowledgements() -> None:
    async with bench(cars(4)) as one:
        await one.active("MA", 8.0, 600.0)
        await one.accepted(tag("veh000001"))
        await one.accepted(tag("veh000002"))
        await one.run_for(5.0)
        assert "ack_rate_low" not in [alarm.kind for alarm in (await one.engine.snapshot()).alarms if alarm.active]


@in_virtual_time
async def test_a_person_who_asked_too_often_may_still_inhibit() -> None:
    async with bench(cars(4), sections={"interlocks": {"requests_per_minute": 1}}) as one:
        running = await one.active("MA", 4.0, 600.0)
        assert (await one.refused(ask.Update(dispatch_id=running.dispatch_id, power_kw=3.0))).reason is Refusal.INTERLOCK
        await one.accepted(tag("veh000001"))
        assert (await one.refused(tag("veh000002", TagKind.CAUTION))).reason is Refusal.INTERLOCK


@in_virtual_time
async def test_the_strongest_of_many_tags_counts_for_each_vehicle() -> None:
    fleet = [*cars(2, 2, site="a"), *cars(2, 2, first=2, site="b"), *cars(1, 2, first=4)]
    async with bench(fleet) as one:
        await one.accepted(ask.Tag(kind=TagKind.CAUTION, scope=TagScope.SITE, name="a", note="wet floor"))
        await one.accepted(ask.Tag(kind=TagKind.INHIBIT, scope=TagScope.SITE, name="b", note="no power"))
        await one.accepted(ask.Tag(kind=TagKind.CAUTION, scope=TagScope.SITE, name="b", note="wet floor"))
        await one.accepted(tag("veh000001"))
        await one.accepted(tag("veh000003", TagKind.CAUTION))
        assert one.core.tags.marks(one.core.fleet).tolist() == [CAUTIONED, INHIBITED, INHIBITED, INHIBITED, 0]
        await one.accepted(ask.Tag(kind=TagKind.CAUTION, scope=TagScope.FLEET, note="new firmware"))
        assert one.core.tags.marks(one.core.fleet).tolist() == [CAUTIONED, INHIBITED, INHIBITED, INHIBITED, CAUTIONED]


# Targets that a solver is still busy with


@in_virtual_time
async def test_a_target_goes_on_when_the_newer_one_that_overtook_it_in_the_solver_is_refused() -> None:
    async with bench(site_with_phases(), sections={"grid": PHASES}) as one:
        running = await one.active("MA", 50.0, 600.0)
        one.core.aside = solver = VirtualAside(takes_s=1.0)
        older = asyncio.create_task(one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=-50.0)))
        await one.run_for(0.3)
        newer = asyncio.create_task(one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=45.0)))
        await one.run_for(0.8)
        solver.raises = AllocationError
        assert isinstance(await older, Accepted)
        assert isinstance(await newer, Refused)
        one.core.aside = VirtualAside()
        assert running.target_kw == -50.0
        await one.until(lambda: running.commanded_kw == -50.0, 10.0)
        await one.run_for(1.0)
        assert (running.setpoint_kw < 0.0).any()


# Approvals


@in_virtual_time
async def test_what_is_being_carried_out_is_not_said_to_be_rejected_or_taken_back() -> None:
    access = {"access": {"roles": ROLES, "four_eyes_above_kw": 30.0}, "grid": PHASES}
    async with bench(site_with_phases(), sections=access) as one:
        running = await one.active("MA", 5.0, 600.0)
        one.core.aside = VirtualAside(takes_s=1.0)
        held = await one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=50.0), OMAR)
        assert isinstance(held, Refused)
        assert held.approval is not None
        approval_id = held.approval.approval_id
        approving = asyncio.create_task(one.say(ask.Approve(approval_id=approval_id, revision=1), SVEN))
        await one.run_for(0.3)
        for request, origin in ((ask.Reject(approval_id=approval_id, reason="no"), SARA), (ask.Cancel(dispatch_id=approval_id), OMAR)):
            reply = await one.say(request, origin)
            assert isinstance(reply, Refused), "it takes effect in a moment"
            assert reply.reason is Refusal.WRONG_STATE
        assert isinstance(await approving, Accepted)
        assert running.target_kw == 50.0


# Roles


class Directory:
    """Groups of people; hangs while told to."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.answer.set()

    def __call__(self, user: str) -> frozenset[str]:
        assert self.answer.wait(30)
        return frozenset({"ops"})


class Hand(SystemClock):
    """A clock that is put on by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


async def test_stop_does_not_wait_for_a_directory_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module, "LOOKUP_S", 30.0)
    directory, clock = Directory(), Hand()
    settings = AccessSettings.model_validate({"roles": [{"role": "operator", "groups": ["ops"]}]})
    access = Access(settings, clock, "root", groups=directory)
    await access.check("stop", OMAR)
    clock.now += GROUPS_S + 1.0
    directory.answer.clear()
    async with asyncio.timeout(30.0):
        await access.check("stop", OMAR)
        await access.check("cancel", OMAR)
    update = asyncio.create_task(access.check("update", OMAR))
    await asyncio.sleep(0)
    assert not update.done(), "what is no stop waits for the answer"
    directory.answer.set()
    await asyncio.wait_for(update, 30.0)
    await access.close()


async def test_a_directory_that_hangs_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module, "LOOKUP_S", 0.02)
    directory, clock = Directory(), Hand()
    settings = AccessSettings.model_validate({"roles": [{"role": "operator", "groups": ["ops"]}]})
    access = Access(settings, clock, "root", groups=directory)
    directory.answer.clear()
    with pytest.raises(RefusalError):
        await access.check("update", OMAR)
    clock.now += 1.0
    monkeypatch.setattr(access_module, "LOOKUP_S", 0.5)  # over by the engine's clock
    async with asyncio.timeout(30.0):
        with pytest.raises(RefusalError):
            await access.check("update", OMAR)
    directory.answer.set()
    await access.close()


# The journal


@in_virtual_time
async def test_what_a_dispatch_lost_is_in_the_journal_before_the_winner_s_round() -> None:
    async with bench(cars(2)) as one:
        loser = await one.active("MA", 20.0, 600.0)
        winner = await one.active("FCR", 20.0, 60.0, preempt=True)
        records = one.journal.records()
        of = {RoundRecord: winner.dispatch_id, ReleasesRecord: loser.dispatch_id}
        found = [one_record for one_record in records if getattr(one_record, "dispatch_id", "") == of.get(type(one_record), "-")]
        assert isinstance(found[0], ReleasesRecord), "the loser's vehicles are its no more"
        assert ReleaseOutcome.NOT_NEEDED in found[0].outcome
        assert [type(one_record) for one_record in found] == [ReleasesRecord, RoundRecord]


async def test_a_number_that_no_journal_has_is_answered(tmp_path: Path) -> None:
    journal = await asyncio.to_thread(SqliteJournal.open, SqliteOptions(path=tmp_path / "journal.sqlite"))
    try:
        assert await journal.whole(2**64 - 1) == ""
        assert await journal.page(Wanted(), 2**64 - 1, 10)
        assert await journal.page(Wanted(from_ms=2**64 - 1), 0, 10) == []
    except JournalError as error:
        pytest.fail(str(error))
    finally:
        await journal.close()


# A restart


@in_virtual_time
async def test_a_dispatch_that_goes_on_after_a_restart_goes_only_as_fast_as_it_may_and_is_not_dropped_for_that(tmp_path: Path) -> None:
    fleet = cars(3, 2)
    first = Bench(fleet, Settings.model_validate({"dispatch": {"allocator": "equal", "reallocation": "none", "lease_s": 60.0}}))
    await first.start()
    await first.active("MA", 8.0, 400.0)
    found = await crash(first, tmp_path)
    await asyncio.sleep(90.0)  # every lease is over
    limits = {"interlocks": {"change_kw_per_min": 5.0}}
    async with bench(fleet, found=found, sections=limits, on_recovery="resume", lease_s=60.0) as one:
        (running,) = one.core.running.values()
        await one.run_for(20.0)
        assert running.state is DispatchState.ACTIVE, running.outcome_reason
        assert running.commanded_kw == pytest.approx(5.0)
        await one.until(lambda: running.commanded_kw == pytest.approx(8.0), 70.0)


@in_virtual_time
async def test_a_limit_that_is_narrower_after_a_restart_ends_what_is_above_it(tmp_path: Path) -> None:
    fleet = cars(3, 2)
    first = Bench(fleet, Settings.model_validate({"dispatch": {"allocator": "equal", "reallocation": "none"}}))
    await first.start()
    await first.active("MA", 8.0, 400.0)
    found = await crash(first, tmp_path)
    async with bench(fleet, found=found, sections={"interlocks": {"total_up_kw": 5.0}}, on_recovery="resume") as one:
        (running,) = one.core.running.values()
        assert await one.over(running) is DispatchState.FAILED
        assert "total_up_kw" in running.outcome_reason
        assert all(map(released, fleet))


@pytest.mark.parametrize("why", ["STOP is latched", "another supervisor must approve it"])
@in_virtual_time
async def test_a_scheduled_dispatch_that_may_not_begin_any_more_is_dropped_with_the_reason(why: str, tmp_path: Path) -> None:
    fleet = cars(3, 2)
    first = Bench(fleet, Settings.model_validate({"dispatch": {"allocator": "equal", "reallocation": "none"}}))
    await first.start()
    await first.dispatch("MA", 8.0, 60.0, start_at="2026-11-23T13:40:00Z")
    found = await crash(first, tmp_path)
    if "STOP" in why:
        found = replace(found, holds=Holds((), True, "ines", 1, "smoke"))
    roles: dict[str, object] = {"roles": ROLES, "four_eyes_above_kw": 5.0 if "another" in why else 50.0}
    async with bench(fleet, found=found, sections={"access": roles}, on_recovery="resume") as one:
        await one.run_for(120.0)
        (failed,) = [event for event in one.told if isinstance(event, DispatchFailed)]
        assert why in failed.reason
        assert all(car.received == [] for car in fleet)


# Ends


@in_virtual_time
async def test_a_scheduled_dispatch_that_breaks_at_its_start_is_told_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ImportError("no solver here")

    async with bench(cars(2)) as one:
        later = await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T13:40:00Z")
        monkeypatch.setattr(lifecycle, "deliberate", broken)
        assert await one.over(later) is DispatchState.FAILED
        await one.run_for(0.1)
        assert one.events_of(later)[-1] == "failed"


@in_virtual_time
async def test_the_stop_list_names_who_holds_longest_first_among_many() -> None:
    fleet = [*cars(6, 2), *cars(2, 1, first=6)]
    async with bench(fleet) as one:
        await one.active("MA", 40.0, 600.0)
        for car in fleet:
            car.answer, car.reports = Answer.NEVER, False
        await one.accepted(ask.Stop())
        await one.until(lambda: len(one.engine._owed) == 8)
        view = one.engine._parts.stopping.view(3)
        assert view.silent == 8
        assert [silent.vehicle_id for silent in view.who[:2]] == ["veh000006", "veh000007"]
        assert len(view.who) == 3
        assert view.who[2].protocol == 2


@in_virtual_time
async def test_an_engine_that_drains_neither_waits_for_nor_begins_what_is_scheduled() -> None:
    fleet = cars(4, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 60.0, vehicles=("veh000000",))
        soon = await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T13:39:20Z", vehicles=("veh000001",))
        await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T15:00:00Z", vehicles=("veh000002",))
        began = one.clock.monotonic()
        assert await one.engine.wind_down("drain") == 0
        assert running.state is DispatchState.COMPLETED
        assert (soon.state, soon.outcome_reason) == (DispatchState.CANCELLED, "the engine ends")
        assert one.clock.monotonic() - began < 70.0
        assert fleet[1].received == fleet[2].received == []
