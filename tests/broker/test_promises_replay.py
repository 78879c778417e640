"""What the publisher was about to repeat when the link was lost is not said on the next connection, and never before a newer command."""

import asyncio
import time

import pytest

from tests.broker.brokers import Broker
from tests.broker.links import Links, ShiftedClock, eventually
from tests.broker.proxy import Proxy
from tests.broker.test_dispatch import CarV1, room
from v2g_console.config.settings import DispatchSettings, MqttSettings
from v2g_console.contract.link import LinkState
from v2g_console.contract.requests import Dispatch
from v2g_console.domain.ids import split_command_id
from v2g_console.transport.port import PublishOutcome

PAUSE_S = 1.0
TOPIC = "vehicle/v1/command"


class OnePause:
    """Draws the longest pause while `long` is set, else none: the link is back before the repetition would be due."""

    def __init__(self) -> None:
        self.long = True

    def __call__(self) -> float:
        return 1.0 if self.long else 0.0


@pytest.mark.parametrize("flavour", ["mosquitto-5", "nats"], indirect=True)
async def test_a_publish_that_waits_to_be_repeated_dies_with_its_connection(broker: Broker, links: Links) -> None:
    clock, draw = ShiftedClock(), OnePause()
    witness = await links.up(broker.url, TOPIC, client_id="witness")
    async with Proxy(broker.port) as proxy:
        engine = await links.up(
            f"tcp://127.0.0.1:{proxy.port}",
            client_id="engine",
            backoff_ms=PAUSE_S * 1000,
            keepalive_s=60,
            options={"monotonic": clock, "random": draw},
        )
        proxy.freeze()
        old = asyncio.create_task(engine.send(TOPIC, b"old"))
        await eventually(lambda: engine.health.in_flight == 1)
        clock.ahead_s += 3.5
        await eventually(lambda: engine.health.in_flight == 0, "it is overdue and waits to be repeated")
        due_at = time.monotonic() + PAUSE_S
        assert not old.done()
        draw.long = False
        proxy.cut()
        assert await asyncio.wait_for(old, 10) is PublishOutcome.FAILED
        proxy.thaw()
        await eventually(lambda: engine.health.reconnects == 1 and engine.health.state is LinkState.UP)
        assert time.monotonic() < due_at, "the link is back before the repetition would have been due"
        await engine.send(TOPIC, b"new")
        await eventually(lambda: time.monotonic() > due_at + 0.2)
        await engine.send(TOPIC, b"last")
        await eventually(lambda: len(witness.messages) >= 2)
        await eventually(lambda: witness.messages[-1][1] == b"last")
        assert [payload for _, payload, _ in witness.messages] == [b"new", b"last"]
        await engine.link.close()


@pytest.mark.parametrize("flavour", ["mosquitto-5", "nats"], indirect=True)
async def test_after_a_reconnect_the_engine_decides_again_and_sends_no_command_of_before(broker: Broker, links: Links) -> None:
    car = await CarV1.up(links, broker.url, "veh-v1")
    patient = DispatchSettings(response_s=0.2, ack_timeout_seconds=20.0, reallocation="none")
    async with Proxy(broker.port) as proxy, room(MqttSettings(broker=f"tcp://127.0.0.1:{proxy.port}"), dispatch=patient) as control:
        await control.fleet_of(1)
        proxy.freeze()
        begun = asyncio.create_task(control.ask(Dispatch(signal="MA", power_kw=5.0, duration_s=120.0)))
        await control.until_link(lambda link: link.in_flight > 0)
        lost_ms = int(time.time() * 1000) + 1
        proxy.cut()
        await control.until_link(lambda link: link.state is not LinkState.UP)
        proxy.thaw()
        await begun
        await eventually(lambda: car.commands, "it is sent after the reconnection")
        first = car.commands[0]
        assert (first.power_kw, len({command.command_id for command in car.commands})) == (5.0, 1)
        assert first.timestamp > lost_ms, "decided and written anew, not kept from before"
        parts = split_command_id(first.command_id)
        assert parts is not None
        assert parts[1] > lost_ms, "its round is a newer one"
