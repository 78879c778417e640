"""The same promises on every broker: mosquitto by MQTT 5 and 3.1.1, nats-server by 3.1.1."""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.broker.brokers import Broker
from tests.broker.links import Links, ShiftedClock, eventually
from tests.broker.proxy import Proxy
from v2g_console.contract.link import LinkCause, LinkState
from v2g_console.transport.port import Outgoing, PublishOutcome


def commands(count: int, qos: int) -> Iterator[Outgoing]:
    for position in range(count):
        yield Outgoing(f"vehicle/v{position}/command", b'{"command_id":"%d"}' % position, qos, 5.0)


async def test_a_message_goes_from_one_link_to_another(broker: Broker, links: Links, flavour: str) -> None:
    engine = await links.up(broker.url, "vehicle/+/ack")
    vehicle = await links.up(broker.url, "vehicle/veh-1/command")
    assert await engine.send("vehicle/veh-1/command", b"go") is PublishOutcome.SENT
    assert await vehicle.send("vehicle/veh-1/ack", b"done") is PublishOutcome.SENT
    await eventually(lambda: engine.messages == [("vehicle/veh-1/ack", b"done", False)])
    assert vehicle.messages == [("vehicle/veh-1/command", b"go", False)]
    assert engine.health.protocol == ("MQTT 5" if flavour == "mosquitto-5" else "MQTT 3.1.1")
    assert (engine.health.in_total, engine.health.out_total) == (1, 1)


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_publish_many_delivers_everything_and_reports_every_position_once(broker: Broker, links: Links, qos: int) -> None:
    vehicles = await links.up(broker.url, "vehicle/+/command")
    engine = await links.up(broker.url)
    outcomes: dict[int, PublishOutcome] = {}

    def note(position: int, outcome: PublishOutcome) -> None:
        assert position not in outcomes
        outcomes[position] = outcome

    count = 2000 if qos < 2 else 200
    await engine.link.publish_many(commands(count, qos), note)
    assert Counter(outcomes.values()) == {PublishOutcome.SENT: count}
    await eventually(lambda: len(vehicles.messages) == count)
    assert {payload for _, payload, _ in vehicles.messages} == {message.payload for message in commands(count, qos)}
    assert engine.health.in_flight == 0


async def test_commands_are_not_retained(broker: Broker, links: Links) -> None:
    engine = await links.up(broker.url)
    await engine.send("vehicle/v1/command", b"old")
    late = await links.up(broker.url, "vehicle/+/command")
    await engine.send("vehicle/v1/command", b"new")
    await eventually(lambda: late.messages)
    assert late.messages == [("vehicle/v1/command", b"new", False)]


async def test_a_killed_broker_fails_everything_at_once_and_nothing_is_replayed(
    broker: Broker, links: Links, caplog: pytest.LogCaptureFixture
) -> None:
    engine = await links.up(broker.url)
    outcomes: dict[int, PublishOutcome] = {}

    def murderous() -> Iterator[Outgoing]:
        for position, message in enumerate(commands(5000, 1)):
            if position == 700:
                broker.kill()
            yield message

    await engine.link.publish_many(murderous(), outcomes.__setitem__)
    counts = Counter(outcomes.values())
    assert len(outcomes) == 5000
    assert counts[PublishOutcome.FAILED] + counts[PublishOutcome.DROPPED] >= 4300
    assert await engine.send("vehicle/v1/command") is PublishOutcome.DROPPED
    await eventually(lambda: engine.health.cause in (LinkCause.BROKER_CLOSED, LinkCause.CUT, LinkCause.REFUSED))

    broker.restart()
    witness = await links.up(broker.url, "vehicle/+/command")
    assert await engine.link.wait_up(20)
    assert engine.health.reconnects == 1
    await engine.send("vehicle/v9/command", b"after")
    await eventually(lambda: witness.messages)
    assert witness.messages == [("vehicle/v9/command", b"after", False)]
    assert [record for record in caplog.records if record.name == "asyncio" and record.levelno >= logging.WARNING] == []


async def test_subscriptions_are_back_after_a_restart(broker: Broker, links: Links) -> None:
    engine = await links.up(broker.url, "vehicle/+/ack")
    broker.kill()
    await eventually(lambda: engine.health.state is not LinkState.UP)
    broker.restart()
    vehicle = await links.up(broker.url)
    assert await engine.link.wait_up(20)
    await vehicle.send("vehicle/v1/ack", b"here")
    await eventually(lambda: engine.messages == [("vehicle/v1/ack", b"here", False)])
    states = [health.state for health in engine.states]
    assert states[0] is LinkState.UP
    assert states[-1] is LinkState.UP
    assert LinkState.DOWN in states


async def test_online_at_start_and_offline_at_a_clean_end(broker: Broker, links: Links) -> None:
    witness = await links.up(broker.url, "v2g/lwt")
    engine = await links.up(broker.url, options={"announce_status": True})
    await eventually(lambda: [m[1] for m in witness.messages] == [b"online"])
    await engine.link.close()
    await eventually(lambda: [m[1] for m in witness.messages] == [b"online", b"offline"])
    assert engine.health.state is LinkState.CLOSED
    await engine.link.close()
    assert await engine.send("vehicle/v1/command") is PublishOutcome.DROPPED


async def test_a_cut_connection_leaves_the_last_will(broker: Broker, links: Links) -> None:
    witness = await links.up(broker.url, "v2g/lwt")
    async with Proxy(broker.port) as proxy:
        engine = await links.up(f"tcp://127.0.0.1:{proxy.port}", options={"announce_status": True})
        proxy.cut()
        await eventually(lambda: [m[1] for m in witness.messages] == [b"online", b"offline", b"online"])
        assert engine.health.cause in (LinkCause.CUT, LinkCause.BROKER_CLOSED)
        await engine.link.close()


async def test_a_half_open_link_is_found_by_the_keep_alive(broker: Broker, links: Links, caplog: pytest.LogCaptureFixture) -> None:
    async with Proxy(broker.port) as proxy:
        engine = await links.up(f"tcp://127.0.0.1:{proxy.port}", keepalive_s=1)
        proxy.freeze()
        pending = asyncio.create_task(engine.send("vehicle/v1/command"))
        await eventually(lambda: engine.health.cause is LinkCause.KEEPALIVE)
        assert await pending is PublishOutcome.FAILED
        proxy.thaw()
        proxy.cut()
        assert await engine.link.wait_up(20)
        await engine.link.close()
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio" and record.levelno >= logging.WARNING] == []


async def test_a_silent_broker_makes_the_link_suspect_until_it_answers(broker: Broker, links: Links) -> None:
    clock = ShiftedClock()
    async with Proxy(broker.port) as proxy:
        engine = await links.up(f"tcp://127.0.0.1:{proxy.port}", keepalive_s=60, options={"monotonic": clock})
        proxy.freeze()
        pending = asyncio.create_task(engine.send("vehicle/v1/command"))
        await eventually(lambda: engine.health.in_flight == 1)
        assert engine.health.state is LinkState.UP
        clock.ahead_s += 3.0
        await eventually(lambda: engine.health.state is LinkState.SUSPECT)
        proxy.thaw()
        assert await pending in (PublishOutcome.SENT, PublishOutcome.NO_SUBSCRIBER)
        await eventually(lambda: engine.health.state is LinkState.UP)
        await engine.link.close()


@pytest.mark.parametrize("flavour", ["mosquitto-5", "mosquitto-3.1.1"])  # nats-server locks such clients out for ten seconds first
async def test_another_client_with_the_same_id_is_named(broker: Broker, links: Links) -> None:
    engine = await links.up(broker.url, client_id="engine")
    rival = links.make(broker.url, client_id="engine")
    await rival.link.start()
    await eventually(lambda: engine.health.cause is LinkCause.TAKEN_OVER)
    assert "mqtt.client_id" in engine.health.cause_text


async def test_a_cancelled_bulk_sends_no_more(broker: Broker, links: Links) -> None:
    engine = await links.up(broker.url, publish_window=10)
    pulled = 0

    def endless() -> Iterator[Outgoing]:
        nonlocal pulled
        for message in commands(10_000_000, 1):
            pulled += 1
            yield message

    bulk = asyncio.create_task(engine.link.publish_many(endless(), lambda position, outcome: None))
    await eventually(lambda: pulled > 100)
    bulk.cancel()
    await asyncio.gather(bulk, return_exceptions=True)
    before = pulled
    assert await engine.send("vehicle/v1/command") is not PublishOutcome.DROPPED
    assert pulled == before
