"""What must not reach a vehicle, as vehicles on a real broker saw it: under an INHIBIT, without a right, above a limit, not journalled."""

import asyncio
from typing import Any

import pytest

from tests.broker.brokers import Broker
from tests.broker.links import Links, eventually
from tests.broker.test_dispatch import OPERATOR, CarV1, Room, room
from v2g_console.config.os_users import own_user
from v2g_console.config.settings import DispatchSettings, MqttSettings
from v2g_console.contract.events import DispatchActive, DispatchCancelled, DispatchEnded
from v2g_console.contract.link import LinkState
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.contract.requests import Approve, Cancel, Dispatch, Origin, Request, Resume, Retry, Stop, Tag, Update
from v2g_console.contract.tags import TagKind, TagScope
from v2g_console.journal.port import RoundRecord

QUICK = DispatchSettings(response_s=0.2, ack_timeout_seconds=1.5)
ACCESS = {
    "roles": [
        {"role": "viewer", "users": [own_user()]},
        {"role": "operator", "users": ["omar"]},
        {"role": "supervisor", "users": ["sven", "sara"]},
    ],
    "four_eyes_above_kw": 8.0,
}


async def cars_of(links: Links, url: str, count: int) -> list[CarV1]:
    return [await CarV1.up(links, url, f"veh-{number}") for number in range(count)]


async def said_by(control: Room, user: str, request: Request) -> Any:
    return await control.engine.request(request, Origin(user=user, way="socket"))


@pytest.mark.parametrize("flavour", ["mosquitto-5", "nats"], indirect=True)
async def test_an_inhibited_vehicle_gets_its_release_and_nothing_else_by_any_way(broker: Broker, links: Links) -> None:
    held, *others = await cars_of(links, broker.url, 4)
    async with room(MqttSettings(broker=broker.url), dispatch=QUICK) as control:
        await control.fleet_of(4)
        await control.ask(Dispatch(signal="MA", power_kw=20.0, duration_s=120.0))
        active = await control.until(DispatchActive)
        await eventually(lambda: held.power_kw > 1.0, "it takes part")
        await control.ask(Tag(kind=TagKind.INHIBIT, scope=TagScope.VEHICLE, name=held.vehicle_id, note="roof works"))
        await eventually(lambda: held.power_kw == 0.0, "it is released at once")
        known = len(held.commands)
        await eventually(lambda: sum(car.power_kw for car in others) > 19.5, "the others close the gap")
        await control.ask(Update(dispatch_id=active.dispatch_id, power_kw=22.0))
        await eventually(lambda: sum(car.power_kw for car in others) == pytest.approx(22.0, abs=0.3), "the new target")
        await control.engine.request(Retry(dispatch_id=active.dispatch_id), OPERATOR)
        only_it = await control.engine.request(Dispatch(signal="MA", power_kw=2.0, duration_s=60.0, vehicles=(held.vehicle_id,)), OPERATOR)
        assert isinstance(only_it, Refused)
        broker.kill()
        await control.until_link(lambda link: link.state is not LinkState.UP)
        broker.restart()
        await control.until_link(lambda link: link.state is LinkState.UP)
        await eventually(lambda: held.link.health.state is LinkState.UP and all(c.link.health.state is LinkState.UP for c in others))
        await control.ask(Cancel(dispatch_id=active.dispatch_id))
        await control.until(DispatchCancelled)
        await eventually(lambda: all(car.power_kw == 0.0 for car in others), "all are released")
        later = [command for command in held.commands[known:] if command.power_kw != 0.0]
        assert not later, "after the tag nothing but releases came"


@pytest.mark.parametrize("flavour", ["mosquitto-5"], indirect=True)
async def test_nothing_reaches_a_vehicle_before_two_different_persons_have_said_yes(broker: Broker, links: Links) -> None:
    cars = await cars_of(links, broker.url, 2)
    async with room(MqttSettings(broker=broker.url), dispatch=QUICK, access=ACCESS) as control:
        await control.fleet_of(2)
        large = Dispatch(signal="MA", power_kw=12.0, duration_s=60.0)
        for user in ("vic", ""):
            reply = await said_by(control, user, Dispatch(signal="MA", power_kw=5.0, duration_s=60.0))
            assert isinstance(reply, Refused)
            assert reply.reason is Refusal.FORBIDDEN
        waits = await said_by(control, "sven", large)
        assert isinstance(waits, Refused)
        assert waits.reason is Refusal.NEEDS_APPROVAL
        assert waits.approval is not None
        approve = Approve(approval_id=waits.approval.approval_id, revision=waits.approval.revision)
        for user in ("sven", "omar", "vic"):
            reply = await said_by(control, user, approve)
            assert isinstance(reply, Refused), user
            assert reply.reason is Refusal.FORBIDDEN
        assert [car.commands for car in cars] == [[], []], "nothing went out"
        accepted = await said_by(control, "sara", approve)
        assert isinstance(accepted, Accepted), accepted
        await control.until(DispatchActive)
        await eventually(lambda: sum(car.power_kw for car in cars) == pytest.approx(12.0, abs=0.1))
        assert isinstance(await said_by(control, "omar", Stop()), Accepted)
        await control.until(DispatchEnded)
        reply = await said_by(control, "omar", Resume())
        assert isinstance(reply, Refused)
        assert reply.reason is Refusal.FORBIDDEN
        await eventually(lambda: all(car.power_kw == 0.0 for car in cars))


@pytest.mark.parametrize("flavour", ["mosquitto-5"], indirect=True)
async def test_vehicles_of_two_dispatches_never_get_more_than_the_limit_over_both(broker: Broker, links: Links) -> None:
    cars = await cars_of(links, broker.url, 4)
    halves = tuple(car.vehicle_id for car in cars[:2]), tuple(car.vehicle_id for car in cars[2:])
    async with room(MqttSettings(broker=broker.url), dispatch=QUICK, interlocks={"total_up_kw": 14.0}) as control:
        await control.fleet_of(4)
        await control.ask(Dispatch(signal="MA", power_kw=8.0, duration_s=120.0, vehicles=halves[0]))
        first = await control.until(DispatchActive)
        too_much = Dispatch(signal="MA", power_kw=7.0, duration_s=120.0, vehicles=halves[1])
        refused = [await control.engine.request(too_much, OPERATOR)]
        assert [car.commands for car in cars[2:]] == [[], []], "nothing went out"
        await control.ask(Dispatch(signal="MA", power_kw=4.0, duration_s=120.0, vehicles=halves[1]))
        await control.until(DispatchActive)
        refused.append(await control.engine.request(Update(dispatch_id=first.dispatch_id, power_kw=11.0), OPERATOR))
        for reply in refused:
            assert isinstance(reply, Refused)
            assert (reply.reason, reply.message.partition(":")[0]) == (Refusal.INTERLOCK, "total_up_kw")
        await control.ask(Update(dispatch_id=first.dispatch_id, power_kw=10.0))
        await eventually(lambda: sum(car.power_kw for car in cars) == pytest.approx(14.0, abs=0.01), "all that is allowed")
        most_kw = sum(max(command.power_kw for command in car.commands) for car in cars)
        assert most_kw <= 14.001


@pytest.mark.parametrize("flavour", ["mosquitto-5"], indirect=True)
async def test_a_command_leaves_after_its_record_is_safe_and_the_broker_keeps_none(
    broker: Broker, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    (car,) = await cars_of(links, broker.url, 1)
    spy = await links.up(broker.url, "vehicle/+/command", client_id="spy")
    async with room(MqttSettings(broker=broker.url), dispatch=QUICK) as control:
        await control.fleet_of(1)
        journal, reached, safe = control.services.engine._core.journal, asyncio.Event(), asyncio.Event()
        commit = journal.commit_round

        async def slowly(record: RoundRecord) -> None:
            reached.set()
            await safe.wait()
            await commit(record)

        monkeypatch.setattr(journal, "commit_round", slowly)
        await control.ask(Dispatch(signal="MA", power_kw=5.0, duration_s=60.0))
        await asyncio.wait_for(reached.wait(), 20)
        marker = await links.up(broker.url, client_id="marker")
        try:
            await marker.send("vehicle/veh-none/command")
            await eventually(lambda: spy.messages)
            assert [topic for topic, _, _ in spy.messages] == ["vehicle/veh-none/command"], "whatever was sent before it would be here"
        finally:
            safe.set()  # else the engine could not even end
        await eventually(lambda: car.power_kw == 5.0)
        newcomer = await links.up(broker.url, "vehicle/+/command", client_id="newcomer")
        await control.ask(Stop())
        await control.until(DispatchEnded)
        await eventually(lambda: newcomer.messages)
        assert not any(retained for _, _, retained in newcomer.messages)
        last = await links.up(broker.url, "vehicle/+/command", client_id="last")
        await marker.send("vehicle/veh-none/command")
        await eventually(lambda: last.messages)
        assert [topic for topic, _, _ in last.messages] == ["vehicle/veh-none/command"]
