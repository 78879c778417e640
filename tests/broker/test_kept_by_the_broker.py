"""What a broker keeps for whoever is away: setpoints until their ack deadline and no longer, nothing at all for the engine."""

import asyncio
import math
import time

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.broker.brokers import Broker
from tests.broker.links import DEADLINE_S, Links, eventually
from tests.broker.test_dispatch import CarV1, room
from v2g_console.config.settings import DispatchSettings, MqttSettings
from v2g_console.contract.events import DispatchEnded
from v2g_console.contract.requests import Dispatch, Stop
from v2g_console.transport.codec import decode_command
from v2g_console.transport.wire import CommandV1

ASLEEP = "veh-asleep"
TOPIC = f"vehicle/{ASLEEP}/command"
PATIENT = DispatchSettings(ack_timeout_seconds=3.0, retries=3, response_s=0.2, reallocation="none")


def session(port: int) -> aiomqtt.Client:
    """The vehicle's own connection: whenever it is away the broker keeps what comes for it, for an hour."""
    lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
    lasting.SessionExpiryInterval = 3600
    return aiomqtt.Client("127.0.0.1", port, identifier=ASLEEP, protocol=aiomqtt.ProtocolVersion.V5, clean_start=False, properties=lasting)


async def woken(port: int, links: Links) -> list[CommandV1]:
    """What a vehicle finds when it wakes up, in its order; then it sleeps on."""
    found = []
    marker = await links.up(f"tcp://127.0.0.1:{port}")
    async with asyncio.timeout(DEADLINE_S), session(port) as vehicle:
        await marker.send(TOPIC, b"marker")
        async for message in vehicle.messages:
            if message.payload == b"marker":
                break
            assert isinstance(message.payload, bytes)
            command = decode_command(message.payload, ASLEEP)
            assert isinstance(command, CommandV1)
            found.append(command)
    await marker.link.close()
    return found


class Overhearing:
    """Every command that goes to the sleeping vehicle, with the power and the seconds that the broker may keep it."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, int]] = []
        self.first_at = math.inf

    async def listen(self, port: int, listening: asyncio.Event) -> None:
        """Until cancelled."""
        async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as spy:
            await spy.subscribe(TOPIC, qos=1)
            listening.set()
            async for message in spy.messages:
                if message.payload != b"marker":
                    assert isinstance(message.payload, bytes)
                    self.first_at = min(self.first_at, time.monotonic())
                    kept_s = getattr(message.properties, "MessageExpiryInterval", -1)
                    self.kept.append((decode_command(message.payload, ASLEEP).power_kw, kept_s))

    def of(self, power_kw: float) -> list[int]:
        """Seconds for the commands of one power, in their order."""
        return [kept_s for kw, kept_s in self.kept if kw == power_kw]


async def test_no_repetition_reaches_a_sleeping_vehicle_after_the_ack_deadline_but_its_release_does(
    mosquitto: Broker, links: Links
) -> None:
    async with session(mosquitto.port) as vehicle:
        await vehicle.subscribe(TOPIC, qos=1)
    speaker, spy, listening = CarV1(ASLEEP), Overhearing(), asyncio.Event()  # it tells of itself, and hears no command
    speaker.link = await links.up(mosquitto.url, "v2g/fleet/discovery", "v2g/telemetry/request", client_id="speaker")
    speaker.life = asyncio.create_task(speaker._live())
    hearing = asyncio.create_task(spy.listen(mosquitto.port, listening))
    try:
        await asyncio.wait_for(listening.wait(), DEADLINE_S)
        async with room(MqttSettings(broker=mosquitto.url), dispatch=PATIENT) as control:
            await control.fleet_of(1)
            await control.ask(Dispatch(signal="MA", power_kw=5.0, duration_s=60.0))
            latest_s = PATIENT.ack_timeout_seconds + 2.0  # rounded up here, and once more by the broker
            await eventually(lambda: time.monotonic() > spy.first_at + latest_s, "the ack deadline")
            kept_s = spy.of(5.0)
            assert len(kept_s) > 1, "it was repeated"
            assert kept_s == sorted(kept_s, reverse=True)
            assert kept_s[-1] < kept_s[0] <= 3, "whole seconds of what is left of the ack timeout"
            assert [command for command in await woken(mosquitto.port, links) if command.power_kw] == []
            await control.ask(Stop())
            await eventually(lambda: spy.of(0.0), "the release")
            assert [command.power_kw for command in await woken(mosquitto.port, links)][-1:] == [0.0]
            await control.until(DispatchEnded)
            assert max(spy.of(0.0)) == 3, "a release may come late"
    finally:
        hearing.cancel()
        speaker.life.cancel()
        await asyncio.gather(hearing, speaker.life, return_exceptions=True)


async def test_what_is_published_while_the_engine_is_away_does_not_wait_for_it(broker: Broker, links: Links) -> None:
    filters = ("vehicle/+/ack", "v2g/vehicle/state/+")
    before = await links.up(broker.url, *filters, client_id="v2g-console")
    vehicle = await links.up(broker.url, client_id="veh-1")
    await before.link.close()
    for topic in ("vehicle/veh-1/ack", "v2g/vehicle/state/veh-1"):
        await vehicle.send(topic, b"while it was away")
    after = await links.up(broker.url, *filters, client_id="v2g-console")
    await vehicle.send("vehicle/veh-1/ack", b"marker")
    await eventually(lambda: after.messages)
    assert [payload for _, payload, _ in after.messages] == [b"marker"], "whatever was kept would have come first"
