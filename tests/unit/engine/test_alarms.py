"""Alarms are raised once, say what to do, and are cleared when the cause is gone."""

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import AlarmCleared, AlarmRaised


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
        await one.run_for(3.0)
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
        assert (await one.engine.snapshot()).alarms[0].count == 2
