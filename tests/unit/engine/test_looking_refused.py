"""Requests that look, refused with the reason; what is left out of the journal's list; the configuration that is told."""

import pytest
from pydantic import SecretStr

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.config.settings import ConsoleSettings, MqttSettings, Settings
from v2g_console.contract import requests as ask
from v2g_console.contract.configuration import ConfigurationView
from v2g_console.contract.record import JournalPage
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.runtime.configured import configured


@pytest.mark.parametrize("limit", [-3, 0, 2_000_001, 10**20])
@in_virtual_time
async def test_a_limit_that_makes_no_sense_is_refused(limit: int) -> None:
    async with bench(cars(2)) as one:
        reply = await one.say(ask.Fleet(limit=limit))
        assert isinstance(reply, Refused) and reply.reason is Refusal.INVALID and "from 1 to" in reply.message


@in_virtual_time
async def test_an_unknown_dispatch_and_an_ambiguous_one_are_told_apart() -> None:
    async with bench(cars(4)) as one:
        names = tuple(one.fleet)
        first = await one.dispatch(power_kw=3.0, vehicles=names[:2])
        second = await one.dispatch(power_kw=3.0, vehicles=names[2:])
        second.dispatch_id = first.dispatch_id[:6] + second.dispatch_id[6:]
        several = await one.say(ask.DispatchDetail(dispatch_id=first.dispatch_id[:4]))
        none = await one.say(ask.DispatchDetail(dispatch_id="zz"))
        assert isinstance(several, Refused) and "more than one dispatch begins with" in several.message
        assert isinstance(none, Refused) and none.message == "no dispatch 'zz'"


@in_virtual_time
async def test_kinds_are_left_out_of_the_journal_by_their_whole_name() -> None:
    async with bench(cars(2)) as one:
        await one.accepted(ask.Note(text="storm"))
        await one.run_for(2.0)  # events are written down in batches
        kinds = []
        for without in ((), ("request.accepted",)):
            reply = await one.say(ask.Journal(without=without))
            assert isinstance(reply, Accepted) and isinstance(reply.result, JournalPage)
            kinds.append({row.kind for row in reply.result.rows})
        assert kinds[0] - kinds[1] == {"request.accepted"} and "request" in kinds[1]


@in_virtual_time
async def test_an_engine_without_a_file_tells_no_configuration() -> None:
    async with bench(cars(1)) as one:
        reply = await one.say(ask.Configuration())
        assert isinstance(reply, Accepted) and reply.result == ConfigurationView(rows=())


def test_what_a_demo_sets_is_told_from_defaults_and_secrets_are_not_told() -> None:
    settings = Settings(mqtt=MqttSettings(password=SecretStr("geheim-4711")), console=ConsoleSettings(name="demo"))
    rows = {row.key: row for row in configured(settings, None).rows}
    assert (rows["console.name"].value, rows["console.name"].origin) == ("demo", "demo")
    assert rows["dispatch.ack_timeout_seconds"].origin == "default"
    assert rows["mqtt.password"].value == "***" and "geheim" not in str(rows)
