"""EcoWatt: a forecast is kept, red hours propose, a person decides, and nothing is ever sent by itself."""

import msgspec
import pytest

from tests.unit.engine.bench import OPERATOR, Bench, JournalError, bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.ecowatt import EcowattDay, EcowattFile, EcowattHour, EcowattView, Outcome, ProposalView, answer_to
from v2g_console.contract.events import AlarmCleared, AlarmRaised, EcowattDecided, EcowattForecast, EcowattProposed
from v2g_console.contract.replies import Refusal
from v2g_console.domain.states import DispatchState
from v2g_console.engine.clock import rfc3339
from v2g_console.engine.red_hours import checked_days, red_hours
from v2g_console.engine.refusal import RefusalError
from v2g_console.journal.holds import Holds
from v2g_console.journal.recovery import Recovered

PUBLISHED = b"""{"signals":[{"GenerationFichier":"2026-11-23T07:36:25+01:00","jour":"2026-11-23T00:00:00+01:00","dvalue":3,
"message":"Coupures d'\\u00e9lectricit\\u00e9 programm\\u00e9es",
"values":[{"pas":17,"hvalue":2},{"pas":18,"hvalue":3},{"pas":19,"hvalue":3},{"pas":20,"hvalue":1}]},
{"jour":"2026-11-24","dvalue":1,"extra":{},"values":[{"pas":8,"hvalue":0}]}]}"""


def day(jour: str, *red: int) -> EcowattDay:
    """A day with these hours red and the others green."""
    return EcowattDay(jour=jour, dvalue=3, values=tuple(EcowattHour(pas, 3 if pas in red else 1) for pas in range(24)))


def spans(*days: EcowattDay, at: float = 1_795_441_129.0) -> list[tuple[str, str]]:
    """Red hours as UTC."""
    return [(rfc3339(one.begins_ms / 1000)[5:16], rfc3339(one.ends_ms / 1000)[5:16]) for one in red_hours(checked_days(days, at))]


async def fed(one: Bench, *days: EcowattDay) -> EcowattView:
    """The answer to a forecast that must be taken."""
    reply = await one.accepted(ask.EcowattFeed(signals=days))
    assert isinstance(reply.result, EcowattView)
    return reply.result


async def seen(one: Bench) -> tuple[ProposalView, ...]:
    """The proposals as anybody sees them."""
    reply = await one.accepted(ask.Ecowatt())
    assert isinstance(reply.result, EcowattView)
    return reply.result.proposals


def test_hours_are_those_of_france_joined_over_midnight_and_true_on_the_days_of_23_and_25_hours() -> None:
    assert spans(day("2026-11-23", 18, 19, 23), day("2026-11-24", 0, 8)) == [
        ("11-23T17:00", "11-23T19:00"), ("11-23T22:00", "11-24T00:00"), ("11-24T07:00", "11-24T08:00"),
    ]  # fmt: skip
    assert spans(day("2026-03-29", 1, 2, 3), at=1_774_780_000.0) == [("03-29T00:00", "03-29T02:00")]
    assert spans(day("2026-03-29", 2), at=1_774_780_000.0) == []
    assert spans(day("2026-10-25", 2), at=1_792_890_000.0) == [("10-25T00:00", "10-25T02:00")]


def test_a_day_whose_midnight_is_told_in_utc_is_the_day_that_begins_then_in_france() -> None:
    assert spans(day("2026-11-22T23:00:00Z", 8)) == spans(day("2026-11-23", 8))
    assert spans(day("2026-07-13T22:00:00Z", 8), at=1_783_900_000.0) == spans(day("2026-07-14T00:00:00+02:00", 8), at=1_783_900_000.0)


@pytest.mark.parametrize(
    "days",
    [
        (),
        tuple(day("2026-11-23") for _ in range(11)),
        (day("2022-06-03", 8),),
        (day("9999-12-31", 8),),
        (day("tomorrow \x1b[2J"),),
        (day("0001-01-01T00:00:00+14:00"),),
        (day("9999-12-31T23:59:59-14:00"),),
        (EcowattDay(jour="2026-11-23", values=(EcowattHour(24, 3),)),),
        (EcowattDay(jour="2026-11-23", values=(EcowattHour(8, 4),)),),
        (EcowattDay(jour="2026-11-23", values=(), dvalue=-1),),
        (EcowattDay(jour="2026-11-23", values=(EcowattHour(1, 1),) * 1000),),
    ],
)
def test_what_is_no_forecast_of_these_days_is_refused(days: tuple[EcowattDay, ...]) -> None:
    with pytest.raises(RefusalError) as refused:
        checked_days(days, 1_795_441_129.0)
    assert refused.value.reason is Refusal.INVALID
    assert "\x1b" not in str(refused.value)


@in_virtual_time
async def test_the_publishers_file_makes_a_proposal_that_sends_nothing_and_is_accepted_by_a_dispatch_with_its_reference() -> None:
    fleet = cars(4, 2, natural_kw=-7.0, soc=0.5)
    async with bench(fleet) as one:
        view = await fed(one, *msgspec.json.decode(PUBLISHED, type=EcowattFile).signals)
        assert [(told.jour, told.message[:8]) for told in view.signals] == [("2026-11-23", "Coupures"), ("2026-11-24", "")]
        (proposal,) = view.proposals
        assert (proposal.proposal_id, proposal.outcome, proposal.suggested_kw) == ("e112317-2", Outcome.WAITS, 25.0)
        assert proposal.words == "e112317-2: EcoWatt is red from 2026-11-23 17:00Z to 19:00Z; up to 25 kW of charging could be reduced now"
        await one.run_for(3.0)
        assert [told.reference for told in one.told if isinstance(told, EcowattProposed)] == ["ecowatt:e112317-2"]
        assert [told.alarm_id for told in one.told if isinstance(told, AlarmRaised)] == ["ecowatt_red:e112317-2"]
        assert one.engine._snapshots.newest().proposals == (proposal,)
        assert not any(car.received for car in fleet)

        answer = answer_to(proposal, one.core.utc_ms())
        assert (answer.power, answer.duration, answer.start) == ("25", "2h", "2026-11-23T17:00:00Z")
        await one.dispatch("EcoWatt", 10.0, 60.0, external_ref=proposal.reference, test=True)
        await one.run_for(2.0)
        assert (await seen(one))[0].outcome is Outcome.WAITS, "a test answers nothing"
        running = await one.dispatch("EcoWatt", 10.0, 7200.0, external_ref=proposal.reference, start_at=answer.start)
        await one.run_for(2.0)
        assert running.state is DispatchState.ARMED
        (accepted,) = await seen(one)
        assert (accepted.outcome, accepted.by, accepted.dispatch_id) == (Outcome.ACCEPTED, OPERATOR.user, running.dispatch_id)
        assert one.engine._snapshots.newest().proposals == ()
        assert [told.alarm_id for told in one.told if isinstance(told, AlarmCleared)] == ["ecowatt_red:e112317-2"]
        assert one.engine._parts.alarms.views() == (), "who decided has seen it: nothing is left to acknowledge"


@in_virtual_time
async def test_a_proposal_is_dismissed_once_and_with_a_reason_and_stays_so_in_a_newer_forecast() -> None:
    async with bench(cars(1)) as one:
        await fed(one, day("2026-11-23", 18, 19), day("2026-11-24", 8))
        wrong = [("e000000-1", "no"), ("e112317-2", " "), ("e112317-2", "x" * 201)]
        for proposal_id, reason in wrong:
            refused = await one.refused(ask.EcowattDismiss(proposal_id=proposal_id, reason=reason))
            assert refused.reason is Refusal.INVALID
        await one.accepted(ask.EcowattDismiss(proposal_id="e112317-2", reason="nobody\x1b is at home"))
        again = await one.refused(ask.EcowattDismiss(proposal_id="e112317-2", reason="again"))
        assert again.reason is Refusal.WRONG_STATE
        view = await fed(one, day("2026-11-23", 18, 19))
        told = [(proposal.proposal_id, proposal.outcome) for proposal in view.proposals]
        assert told == [("e112317-2", Outcome.DISMISSED), ("e112407-1", Outcome.WAITS)], "a day that is not named stays"
        assert view.proposals[0].reason == "nobody\\x1b is at home"
        view = await fed(one, day("2026-11-23", 18, 19, 20), day("2026-11-24"))
        assert [(proposal.proposal_id, proposal.outcome) for proposal in view.proposals] == [("e112317-3", Outcome.WAITS)]
        assert not one.engine._parts.alarms.is_active("ecowatt_red", "e112407-1"), "its hours were taken back"


@in_virtual_time
async def test_a_restart_keeps_the_forecast_and_what_was_decided_and_hours_that_are_over_propose_nothing() -> None:
    async with bench(cars(1)) as one:
        await fed(one, day("2026-11-23", 3, 18, 21))
        assert [proposal.proposal_id for proposal in await seen(one)] == ["e112317-1", "e112320-1"]
        await one.accepted(ask.EcowattDismiss(proposal_id="e112317-1", reason="fleet is away"))
        await one.run_for(1.0)
        forecast = next(told for told in one.told if isinstance(told, EcowattForecast))
        decided = next(told for told in one.told if isinstance(told, EcowattDecided))
    async with bench(cars(1), found=Recovered(clean=False, holds=Holds(forecast=forecast, decided=(decided,)))) as again:
        told = [(proposal.proposal_id, proposal.outcome, proposal.reason) for proposal in await seen(again)]
        assert told == [("e112317-1", Outcome.DISMISSED, "fleet is away"), ("e112320-1", Outcome.WAITS, "")]
        await again.run_for(1.0)
        assert again.engine._parts.alarms.is_active("ecowatt_red", "e112320-1")


@in_virtual_time
async def test_who_only_looks_may_not_feed_or_dismiss() -> None:
    async with bench(cars(1)) as one:
        guest = ask.Origin(user="guest", way="socket")
        for request in (ask.EcowattFeed(signals=(day("2026-11-23", 18),)), ask.EcowattDismiss(proposal_id="e", reason="x")):
            reply = await one.say(request, guest)
            assert getattr(reply, "reason", None) is Refusal.FORBIDDEN
        written = [(record.user, record.request, record.outcome) for record in one.journal.requests]
        assert written == [("guest", "ecowatt_feed", "FORBIDDEN"), ("guest", "ecowatt_dismiss", "FORBIDDEN")]
        assert isinstance((await one.accepted(ask.Ecowatt())).result, EcowattView)


@in_virtual_time
async def test_the_decision_of_another_year_decides_nothing_and_hours_that_come_back_are_told_again() -> None:
    old = EcowattDecided(ts="", proposal_id="e112317-2", outcome=Outcome.DISMISSED, by="eve", ends_ms=1_763_924_400_000)
    async with bench(cars(1), found=Recovered(clean=False, holds=Holds(decided=(old,)))) as one:
        for hours in ((18, 19), (), (18, 19)):
            view = await fed(one, day("2026-11-23", *hours))
            assert [proposal.outcome for proposal in view.proposals] == [Outcome.WAITS] * bool(hours)
            await one.run_for(0.2)
        assert [told.proposal_id for told in one.told if isinstance(told, EcowattProposed)] == ["e112317-2"] * 2
        await one.accepted(ask.EcowattDismiss(proposal_id="e112317-2", reason="nobody is at home"))


@in_virtual_time
async def test_a_dispatch_that_failed_has_accepted_nothing_and_of_two_the_proposal_is_accepted_once() -> None:
    async with bench(cars(4, 2, natural_kw=-7.0, soc=0.5)) as one:
        (proposal,) = (await fed(one, day("2026-11-23", 18, 19))).proposals
        one.journal.fails = JournalError
        refused = await one.refused(ask.Dispatch(signal="EcoWatt", power_kw=10.0, duration_s=60.0, external_ref=proposal.reference))
        assert refused.reason is Refusal.JOURNAL
        one.journal.fails = None
        await one.run_for(3.0)
        assert (await seen(one))[0].outcome is Outcome.WAITS
        for car in one.fleet.values():
            await one.dispatch("EcoWatt", 2.0, 60.0, external_ref=proposal.reference, vehicles=(car.vehicle_id,))
        await one.run_for(3.0)
        assert len([told for told in one.told if isinstance(told, EcowattDecided)]) == 1


@in_virtual_time
async def test_a_machine_that_has_lost_the_zone_starts_without_the_forecast_and_refuses_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = EcowattForecast(ts="", by="ines", way="console", received_ms=0, signals=(day("2026-11-23", 18),))
    monkeypatch.setattr("v2g_console.engine.red_hours.ZONE", "Europe/Nowhere")
    async with bench(cars(1), found=Recovered(clean=False, holds=Holds(forecast=kept))) as one:
        assert await seen(one) == ()
        assert (await one.refused(ask.EcowattFeed(signals=(day("2026-11-23", 18),)))).reason is Refusal.NOT_READY
