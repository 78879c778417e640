"""Alarms are raised once, say what to do, and are cleared when the cause is gone."""

import pytest

from tests.unit.engine.bench import OPERATOR, Bench, bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import AlarmAcknowledged, AlarmChanged, AlarmCleared, AlarmRaised, AlarmShelved, AlarmUnshelved
from v2g_console.contract.replies import Refusal
from v2g_console.domain.alarm_cycle import AlarmState
from v2g_console.engine.alarms import Alarms


async def listed(one: Bench) -> list[tuple[str, AlarmState]]:
    await one.run_for(1.5)
    return [(alarm.kind, alarm.state) for alarm in (await one.engine.snapshot()).alarms]


async def active(one: Bench) -> list[str]:
    await one.run_for(1.5)
    return [alarm.kind for alarm in (await one.engine.snapshot()).alarms if alarm.active]


@in_virtual_time
async def test_a_low_ack_rate_and_its_shortfall_last_as_long_as_the_dispatch() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        assert await active(one) == []
        fleet[0].answer = Answer.NEVER
        running = await one.active("MA", 40.0, 60.0)
        assert await active(one) == ["ack_rate_low", "shortfall"]
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        assert await active(one) == []
        raised = [event.kind for event in one.told if isinstance(event, AlarmRaised)]
        cleared = [event.kind for event in one.told if isinstance(event, AlarmCleared)]
        assert sorted(raised) == sorted(cleared) == ["ack_rate_low", "shortfall"]


@in_virtual_time
async def test_stale_telemetry_broker_certificate_and_refused_messages() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        one.link.receive_maximum, one.link.certificate_days, one.link.refused = 20, 3.0, {"bad_json": 7}
        assert set(await active(one)) == {"broker_untuned", "certificate_expiring", "refused_messages"}
        one.link.receive_maximum, one.link.certificate_days = 65535, 90.0
        assert await active(one) == ["refused_messages"]
        await one.run_for(61.0)
        assert await active(one) == []
        for car in fleet[:2]:
            car.reports = False
        await one.run_for(40.0)
        assert await active(one) == ["telemetry_stale"]
        for car in fleet[:2]:
            car.reports = True
        await one.run_for(9.0)
        assert await active(one) == []


@in_virtual_time
async def test_an_acknowledged_alarm_stays_until_its_cause_is_gone_and_counts_when_it_returns() -> None:
    async with bench(cars(1)) as one:
        one.link.receive_maximum = 20
        await active(one)
        await one.accepted(ask.AckAlarm(alarm_id="broker_untuned"))
        alarms = (await one.engine.snapshot()).alarms
        await one.run_for(0.3)
        alarms = (await one.engine.snapshot()).alarms
        assert [(alarm.acknowledged, alarm.active) for alarm in alarms] == [(True, True)]
        one.link.receive_maximum = None
        assert await active(one) == []
        assert (await one.engine.snapshot()).alarms == ()
        one.link.receive_maximum = 20
        await active(one)
        one.link.receive_maximum = None
        await active(one)
        one.link.receive_maximum = 20
        await active(one)
        alarm = (await one.engine.snapshot()).alarms[0]
        assert (alarm.count, alarm.chattering) == (3, True)


@in_virtual_time
async def test_an_alarm_whose_cause_goes_before_anybody_answers_stays_in_the_list_until_somebody_does() -> None:
    async with bench(cars(1)) as one:
        one.link.receive_maximum = 20
        assert await listed(one) == [("broker_untuned", AlarmState.UNACKNOWLEDGED)]
        one.link.receive_maximum = None
        assert await listed(one) == [("broker_untuned", AlarmState.RETURNED)]
        await one.accepted(ask.AckAlarm(alarm_id="broker_untuned"))
        assert await listed(one) == []
        told = [event for event in one.told if isinstance(event, AlarmAcknowledged)]
        assert [(event.alarm_id, event.by) for event in told] == [("broker_untuned", OPERATOR.user)]


@in_virtual_time
async def test_a_shelved_alarm_is_quiet_for_its_time_and_then_rings_again_if_its_cause_lasts() -> None:
    async with bench(cars(1)) as one:
        one.link.receive_maximum = 20
        await active(one)
        await one.accepted(ask.ShelveAlarm(alarm_id="broker_untuned", for_s=600.0, reason="maintenance until noon"))
        assert await listed(one) == [("broker_untuned", AlarmState.SHELVED)]
        view = (await one.engine.snapshot()).alarms[0]
        assert (view.shelved_by, view.shelf_reason, view.acknowledged) == (OPERATOR.user, "maintenance until noon", False)
        one.link.receive_maximum = None
        await one.run_for(10.0)
        one.link.receive_maximum = 20
        await one.run_for(10.0)
        assert sum(isinstance(event, AlarmRaised) for event in one.told) == 1
        await one.run_for(600.0)
        assert await listed(one) == [("broker_untuned", AlarmState.UNACKNOWLEDGED)]
        assert sum(isinstance(event, AlarmRaised) for event in one.told) == 2
        assert [event.by for event in one.told if isinstance(event, AlarmUnshelved)] == [""]


@in_virtual_time
async def test_an_alarm_taken_from_the_shelf_by_hand_names_who_did_it() -> None:
    async with bench(cars(1)) as one:
        one.link.receive_maximum = 20
        await active(one)
        await one.accepted(ask.ShelveAlarm(alarm_id="broker_untuned", for_s=600.0, reason="known"))
        one.link.receive_maximum = None
        await one.run_for(2.0)
        await one.accepted(ask.UnshelveAlarm(alarm_id="broker_untuned"))
        assert await listed(one) == []
        assert [event.by for event in one.told if isinstance(event, AlarmUnshelved)] == [OPERATOR.user]


@in_virtual_time
async def test_what_makes_no_sense_of_a_shelf_is_refused_with_the_reason() -> None:
    async with bench(cars(1)) as one:
        one.link.receive_maximum = 20
        await active(one)
        cases: list[tuple[ask.Request, Refusal]] = [
            (ask.ShelveAlarm(alarm_id="broker_untuned", for_s=600.0, reason="  "), Refusal.INVALID),
            (ask.ShelveAlarm(alarm_id="broker_untuned", for_s=600.0, reason="x" * 201), Refusal.INVALID),
            (ask.ShelveAlarm(alarm_id="broker_untuned", for_s=float("nan"), reason="known"), Refusal.LIMIT),
            (ask.ShelveAlarm(alarm_id="broker_untuned", for_s=0.0, reason="known"), Refusal.LIMIT),
            (ask.ShelveAlarm(alarm_id="broker_untuned", for_s=1e9, reason="known"), Refusal.LIMIT),
            (ask.ShelveAlarm(alarm_id="nothing", for_s=60.0, reason="known"), Refusal.INVALID),
            (ask.UnshelveAlarm(alarm_id="broker_untuned"), Refusal.WRONG_STATE),
            (ask.AckAlarm(alarm_id="\x1b[2J"), Refusal.INVALID),
        ]
        for request, reason in cases:
            assert (await one.refused(request)).reason is reason, request
        one.link.down()
        await one.run_for(1.5)
        critical = await one.refused(ask.ShelveAlarm(alarm_id="link_lost", for_s=60.0, reason="known"))
        assert critical.reason is Refusal.WRONG_STATE and "critical" in critical.message


@in_virtual_time
async def test_a_shelf_survives_a_restart_for_the_time_that_is_left() -> None:
    async with bench(cars(1)) as one:
        one.link.receive_maximum = 20
        await active(one)
        await one.accepted(ask.ShelveAlarm(alarm_id="broker_untuned", for_s=600.0, reason="known"))
        await one.run_for(100.0)
        told = next(event for event in one.told if isinstance(event, AlarmShelved))
        again = Alarms(one.core, (told.shelved,))
        again.set("broker_untuned", "", True, "still there")
        assert [alarm.state for alarm in again.views()] == [AlarmState.SHELVED]
        await one.run_for(499.0)
        again.tick()
        assert [alarm.state for alarm in again.views()] == [AlarmState.SHELVED]
        await one.run_for(2.0)
        again.tick()
        assert [alarm.state for alarm in again.views()] == [AlarmState.UNACKNOWLEDGED]
        assert Alarms(one.core, (told.shelved,)).views() == ()


@in_virtual_time
async def test_rates_and_floods_are_counted_over_ten_minutes() -> None:
    async with bench(cars(1)) as one:
        for _ in range(11):
            one.link.receive_maximum = 20
            await one.run_for(2.0)
            one.link.receive_maximum = None
            await one.run_for(2.0)
        rates = (await one.engine.snapshot()).alarm_rates
        assert (rates.last_10_min, rates.most_in_10_min, rates.flood, rates.top) == (11, 11, True, (("broker_untuned", 11),))
        await one.run_for(700.0)
        rates = (await one.engine.snapshot()).alarm_rates
        assert (rates.last_10_min, rates.most_in_10_min, rates.flood) == (0, 11, False)


@in_virtual_time
async def test_an_alarm_that_is_active_for_a_day_is_stale() -> None:
    settings = {"alarms": {"stale_after_s": 60.0}}
    async with bench(cars(1), sections=settings) as one:
        one.link.receive_maximum = 20
        await active(one)
        assert not (await one.engine.snapshot()).alarms[0].stale
        await one.run_for(61.0)
        shown = await one.engine.snapshot()
        assert shown.alarms[0].stale and shown.alarm_rates.stale == 1


@in_virtual_time
async def test_certificates_are_told_apart_and_the_limit_is_the_configured_one() -> None:
    async with bench(cars(1)) as one:
        link = one.link
        link.certificate_days = link.broker_certificate_days = 20.0
        assert await active(one) == []
        link.certificate_warn_days = 21.0
        assert await active(one) == ["certificate_expiring"]
        raised = one.told[-1]
        assert isinstance(raised, AlarmRaised) and raised.text == "the broker's certificate expires in 20.0 days"
        link.certificate_days = link.client_certificate_days = -0.5
        await active(one)
        assert [alarm.text for alarm in (await one.engine.snapshot()).alarms] == ["our client certificate has expired"]
        link.certificate_days = link.client_certificate_days = 90.0
        link.credentials_fault = "mqtt.client_key: /etc/x.key is not the key of /etc/x.pem"
        assert await active(one) == ["credentials_not_used"]
        link.credentials_fault = ""
        assert await active(one) == []


@in_virtual_time
async def test_what_a_slow_course_has_not_asked_for_yet_is_no_shortfall() -> None:
    async with bench(cars(4), full_activation_s=60.0) as one:
        running = await one.active("MA", 4.0, 300.0)
        await one.run_for(70.0)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=30.0))
        for _ in range(12):
            assert await active(one) == []
            await one.run_for(4.0)


@in_virtual_time
async def test_answers_to_an_update_that_may_still_come_in_time_raise_no_alarm() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 300.0)
        for car in fleet:
            car.answer = Answer.NEVER
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=20.0))
        await one.run_for(1.5)
        assert await active(one) == []
        await one.run_for(6.0)
        assert await active(one) == ["ack_rate_low", "shortfall"]


@in_virtual_time
async def test_figures_that_move_all_the_time_are_told_every_five_seconds_and_not_from_the_shelf() -> None:
    async with bench(cars(1)) as one:
        alarms = Alarms(one.core)
        for second in range(21):
            alarms.set("shortfall", "", True, f"{second} kW short")
            alarms.set("ack_rate_low", "", True, f"{second} of 40 acknowledged")
            if not second:
                alarms.shelve("ack_rate_low", OPERATOR.user, "known", 600.0)
            await one.run_for(1.0)
        changed = [event.text for event in one.told if isinstance(event, AlarmChanged)]
        assert changed == ["5 kW short", "10 kW short", "15 kW short", "20 kW short"]


@pytest.mark.parametrize(("kind", "on_s"), [("link_lost", 0.0), ("journal_failing", 0.0), ("clock_offset", 5.0)])
@in_virtual_time
async def test_what_comes_and_goes_within_seconds_is_one_alarm(kind: str, on_s: float) -> None:
    async with bench(cars(1)) as one:
        alarms = Alarms(one.core)
        for _ in range(5):
            for holds in [*[True] * (int(on_s) + 2), False]:
                alarms.set(kind, "", holds, "it comes and goes")
                await one.run_for(1.0)
        assert [type(event) for event in one.told if isinstance(event, AlarmRaised | AlarmCleared)] == [AlarmRaised]


@in_virtual_time
async def test_an_offset_about_the_limit_stays_one_alarm_until_it_is_clearly_below() -> None:
    fleet = cars(4, 2)
    async with bench(fleet) as one:
        limit_s = one.settings.telemetry.max_clock_offset_s
        for ahead_s, wanted in ((limit_s + 2.0, ["clock_offset"]), (limit_s * 0.9, ["clock_offset"]), (limit_s * 0.5, [])):
            for _ in range(15):
                one.core.fleet.clock_offset_s[:4] = ahead_s
                one.engine._parts.watch._clock()
                await one.run_for(0.5)
            assert [alarm.kind for alarm in one.engine._parts.alarms.views() if alarm.active] == wanted
