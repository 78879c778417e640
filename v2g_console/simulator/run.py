"""The simulator on a broker: connections, the wheel's clock, the ready line, a clean end."""

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from v2g_console.config.settings import MqttSettings, TelemetrySettings
from v2g_console.contract.link import LinkHealth
from v2g_console.simulator.connection import Connection, LinkFactory, mqtt_settings
from v2g_console.simulator.dialogue import Dialogue, Station, Tally
from v2g_console.simulator.diary import Diary
from v2g_console.simulator.fleet import build_fleet
from v2g_console.simulator.moment import now
from v2g_console.simulator.options import SimulateOptions
from v2g_console.simulator.vehicle import Vehicle
from v2g_console.simulator.wheel import SLOT_S, Wheel
from v2g_console.transport.aiomqtt_link import AiomqttLink
from v2g_console.transport.port import LinkHandler, MessageHandler, MqttLink, Outgoing, Subscription
from v2g_console.transport.topics import Topics

log = logging.getLogger(__name__)

_SAME_TEXT_S = 30.0
_STILL_TRYING_S: Final = 10.0
_CONNECTING_AT_ONCE: Final = 50


class RunningFleet:
    """The simulated fleet while it runs; what tests read the truth from."""

    def __init__(self, options: SimulateOptions, make_link: LinkFactory) -> None:
        started = now()
        self._wheel = Wheel()
        topics = Topics.from_settings(MqttSettings(), TelemetrySettings(mode="hybrid"))
        self._diary = Diary(options.log) if options.log is not None else None
        self._dialogue = Dialogue(options, topics, self._wheel, diary=self._diary)
        specs = build_fleet(options)
        count = options.vehicles if options.one_connection_each else min(options.connections, options.vehicles)
        each = options.one_connection_each
        self._connections = [
            Connection(
                # With a connection each, the client id is the vehicle id, which is what a broker's ACL goes by.
                mqtt_settings(options, specs[number].vehicle_id if each else f"{options.prefix}-sim-{os.getpid()}-{number}"),
                self._dialogue,
                make_link,
                wildcard=count == 1 and not each,
                will_of=specs[number].vehicle_id if each and specs[number].protocol == 2 else "",
            )
            for number in range(count)
        ]
        self.stations: list[Station] = []
        for number, spec in enumerate(specs):
            connection = self._connections[number % count]
            station = Station(
                Vehicle(spec, started),
                connection.outbox,
                set_link=connection.set_link if each else None,
                told_plugged=spec.trips.back_at_s is None,
            )
            connection.add(station)
            if self._diary is not None:
                self._diary.begin(station.vehicle, started)
            self.stations.append(station)

    @property
    def connection_count(self) -> int:
        """How many MQTT connections the vehicles use."""
        return len(self._connections)

    @property
    def tally(self) -> Tally:
        """What happened so far."""
        return self._dialogue.tally

    def links(self) -> list[LinkHealth]:
        """The health of every connection there is now."""
        return [health for connection in self._connections if (health := connection.health()) is not None]

    def true_power_kw(self) -> dict[str, float]:
        """The true power of every vehicle now, by id, whatever it said or did not say."""
        at = now()
        return {station.vehicle.spec.vehicle_id: station.vehicle.power_kw(at) for station in self.stations}

    async def start(self) -> None:
        """Connect and subscribe everything, for as long as it takes; telemetry begins when all are up."""
        for begin in range(0, len(self._connections), _CONNECTING_AT_ONCE):
            batch = self._connections[begin : begin + _CONNECTING_AT_ONCE]
            await asyncio.gather(*(connection.start() for connection in batch))
            await asyncio.gather(*(_until_up(connection) for connection in batch))
        self._dialogue.begin(self.stations)

    async def turn_wheel(self) -> None:
        """Run what is due, slot by slot; ends by cancellation."""
        while True:
            self._wheel.run_due(now().steady_s)
            await asyncio.sleep(SLOT_S)

    async def close(self) -> None:
        """Disconnect everything."""
        await asyncio.gather(*(connection.close() for connection in self._connections))
        if self._diary is not None:
            self._diary.close()


def _aiomqtt_link(
    settings: MqttSettings,
    subscriptions: Sequence[Subscription],
    on_message: MessageHandler,
    on_link: LinkHandler,
    will: Outgoing | None,
) -> MqttLink:
    return AiomqttLink(settings, subscriptions, on_message, on_link, announce_status=False, will=will)


async def simulate(
    options: SimulateOptions, stop: asyncio.Event, on_ready: Callable[[RunningFleet], None], make_link: LinkFactory = _aiomqtt_link
) -> None:
    """Run the fleet until `stop` is set; `on_ready` is called once, when every vehicle is subscribed.

    Raises ValueError for options the connection can't be made with (broker URL, certificates), OSError for a log that can't be written.
    """
    fleet = RunningFleet(options, make_link)
    working = asyncio.create_task(_work(fleet, on_ready))
    stopping = asyncio.create_task(_until(stop))
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
        await fleet.close()


class OncePerHalfMinute(logging.Filter):
    """Lets a text through once in 30 s: a broker that is gone is gone for every connection and at every attempt."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self._told_at_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a text that was told lately."""
        at_s, text = self._monotonic_s(), record.getMessage()
        self._told_at_s = {told: when for told, when in self._told_at_s.items() if at_s - when < _SAME_TEXT_S}
        return text not in self._told_at_s and self._told_at_s.setdefault(text, at_s) == at_s


def run_simulator(options: SimulateOptions) -> int:
    """Run the fleet until SIGTERM or SIGINT (or the end of standard input, if asked); returns the exit code 0."""
    gc.freeze()  # the command line switched it off while modules were loaded
    gc.enable()
    # aiomqtt warns of many subscriptions under way at once, which is just how a fleet begins.
    logging.getLogger("mqtt").setLevel(logging.ERROR)
    once = OncePerHalfMinute()
    for name in (__name__, "v2g_console.transport.aiomqtt_link"):
        logging.getLogger(name).addFilter(once)
    asyncio.run(_until_signal(options))
    return 0


async def _until_signal(options: SimulateOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.stop_with_stdin:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end_of_input, loop, sys.stdin.fileno(), stop)
    await simulate(options, stop, lambda fleet: _tell_ready(options, fleet))


async def _work(fleet: RunningFleet, on_ready: Callable[[RunningFleet], None]) -> None:
    await asyncio.gather(fleet.turn_wheel(), _start(fleet, on_ready))


async def _start(fleet: RunningFleet, on_ready: Callable[[RunningFleet], None]) -> None:
    await fleet.start()
    on_ready(fleet)


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _until_up(connection: Connection) -> None:
    while not await connection.wait_up(_STILL_TRYING_S):
        health = connection.health()
        log.warning("still connecting to the broker: %s", health.cause_text if health is not None else "closed")


def _stop_at_end_of_input(loop: asyncio.AbstractEventLoop, descriptor: int, stop: asyncio.Event) -> None:
    if not os.read(descriptor, 4096):
        loop.remove_reader(descriptor)
        stop.set()


def _tell_ready(options: SimulateOptions, fleet: RunningFleet) -> None:
    log.info("simulator ready: %d vehicles on %s", len(fleet.stations), options.broker)
    if options.ready_fd is not None:
        line = {"event": "ready", "vehicles": len(fleet.stations), "connections": fleet.connection_count, "pid": os.getpid()}
        os.write(options.ready_fd, json.dumps(line).encode() + b"\n")
