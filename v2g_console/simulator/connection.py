"""One MQTT connection and the vehicles that share it."""

import asyncio
from collections.abc import Callable, Sequence

from v2g_console.config.settings import AuthMethod, MqttSettings
from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.simulator.dialogue import Dialogue, Station
from v2g_console.simulator.options import SimulateOptions
from v2g_console.simulator.outbox import Outbox
from v2g_console.transport.codec import encode_offline
from v2g_console.transport.port import LinkHandler, MessageHandler, MqttLink, Outgoing, Subscription

LinkFactory = Callable[[MqttSettings, Sequence[Subscription], MessageHandler, LinkHandler, Outgoing | None], MqttLink]
"""The last argument is the last will."""

# QoS 0 for vehicles: with nats-server each QoS 1 subscription is a consumer of its own, seconds of work for thousands of vehicles.
SUBSCRIBE_QOS = 0
WILL_QOS = 1


class Connection:
    """Subscribes its vehicles' command topics (or all by one wildcard), hands what comes to the dialogue, sends what they say.

    `will_of`: id of the only vehicle behind it, if that one leaves a last will; a connection has one will, so vehicles that share can't.
    """

    def __init__(self, settings: MqttSettings, dialogue: Dialogue, make_link: LinkFactory, *, wildcard: bool, will_of: str = "") -> None:
        self.outbox = Outbox()
        self._settings = settings
        self._dialogue = dialogue
        self._make_link = make_link
        self._wildcard = wildcard
        self._will = Outgoing(dialogue.topics.state(will_of), encode_offline(will_of), WILL_QOS) if will_of else None
        self._stations: dict[str, Station] = {}
        self._pump: asyncio.Task[None] | None = None
        self._change: asyncio.Task[None] | None = None
        self._link: MqttLink | None = None

    def add(self, station: Station) -> None:
        """Let a vehicle use this connection; before `start`."""
        self._stations[self._dialogue.topics.command(station.vehicle.spec.vehicle_id)] = station

    async def start(self) -> None:
        """Start connecting, for ever."""
        self._link = self._make_link(self._settings, self._subscriptions(), self._on_message, self._on_link, self._will)
        await self._link.start()
        self._pump = asyncio.create_task(self.outbox.pump(self._link))

    async def wait_up(self, timeout_s: float) -> bool:
        """True once connected and subscribed."""
        return self._link is not None and await self._link.wait_up(timeout_s)

    def health(self) -> LinkHealth | None:
        """The link's reading; None before `start`."""
        return None if self._link is None else self._link.health()

    async def close(self) -> None:
        """Stop sending and disconnect. Idempotent."""
        if self._change is not None:
            self._change.cancel()
            await asyncio.gather(self._change, return_exceptions=True)
        await self._disconnect()

    async def _disconnect(self) -> None:
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        link, self._link = self._link, None
        if link is not None:
            if self._will is not None and link.health().state is LinkState.UP:
                await link.publish(self._will)  # a clean end makes the broker drop the will
            await link.close()

    def set_link(self, wanted: bool) -> None:
        """Disconnect, or connect again, in the background and in the order asked."""
        self._change = asyncio.create_task(self._after(self._change, wanted))

    async def _after(self, earlier: "asyncio.Task[None] | None", wanted: bool) -> None:
        if earlier is not None:
            await earlier
        await (self.start() if wanted else self._disconnect())

    def _on_link(self, health: LinkHealth) -> None:
        if self._will is not None and health.state is LinkState.UP:
            for each in self._stations.values():
                self._dialogue.report(each)  # takes back the will that an earlier connection left

    def _subscriptions(self) -> list[Subscription]:
        topics = self._dialogue.topics
        commands = [topics.command_pattern.topic_filter] if self._wildcard else list(self._stations)
        return [Subscription(topic, SUBSCRIBE_QOS) for topic in (topics.discovery, topics.telemetry_request, *commands)]

    def _on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        station = self._stations.get(topic)
        if station is not None:
            if not retained:  # a kept command is of any age, and none is ever sent
                self._dialogue.on_command(station, payload)
        elif topic == self._dialogue.topics.discovery:
            for each in self._stations.values():
                self._dialogue.on_hello(each)
        elif topic == self._dialogue.topics.telemetry_request:
            for each in self._stations.values():
                self._dialogue.on_poll(each)


def mqtt_settings(options: SimulateOptions, client_id: str) -> MqttSettings:
    """The connection settings of one client; raises OSError for an unreadable password file, ValidationError for a wrong value."""
    has_user, has_certificate = bool(options.username), options.client_cert is not None
    both = AuthMethod.BOTH if has_user else AuthMethod.TLS
    return MqttSettings(
        broker=options.broker,
        client_id=client_id,
        username=options.username,
        password_file=options.password_file,
        auth_method=both if has_certificate else AuthMethod.USERNAME_PASSWORD if has_user else AuthMethod.NONE,
        use_tls=options.broker.startswith(("ssl://", "mqtts://")),
        client_cert=options.client_cert,
        client_key=options.client_key,
        ca_bundle=options.ca_bundle,
    )
