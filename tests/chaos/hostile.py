"""Somebody else on the broker: rubbish on every topic the engine listens to, floods, and acknowledgements of before once again."""

import asyncio
import json
from collections import deque
from random import Random

from v2g_console.config.settings import MqttSettings
from v2g_console.transport.aiomqtt_link import AiomqttLink
from v2g_console.transport.port import Outgoing, Subscription

_KEPT = 400
_UP_S = 5.0
_RUBBISH: tuple[bytes, ...] = (
    b"",
    b"\x00",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe\xfd",
    b"[" * 30_000,
    b'{"a":' * 20_000,
    b'{"command_id": 1}',
    b'{"command_id": "' + b"9" * 70_000 + b'"}',
    b'{"vehicle_id":"veh000001","soc":NaN,"power_kw":1e999,"ts":1}',
    b'{"vehicle_id":"veh000001","soc":0.5,"power_kw":-1e308,"ts":99999999999999999999}',
    b'{"vehicle_id":"veh000002","soc":7,"power_kw":3,"ts":1}',
    b'{"ID":"../../etc","SoC":2,"IsV2G":"yes","MaxPower":-1}',
    b'{"ID":"veh000001","SoC":0.5,"IsV2G":true,"MaxPower":' + b"9" * 5_000 + b"}",
    '{"command_id":"\u202eevil\u001b[31m-1-1","status":"accepted"}'.encode(),
)
_TOPICS = ("vehicle/{}/ack", "v2g/vehicle/state/{}", "v2g/telemetry/response/{}", "v2g/fleet/response/{}")
_NAMES = ("veh000001", "veh000005", "nobody", "a" * 64, "a" * 65, "..", "-rf", "%n%s")


class Hostile:
    """A client of its own on the broker; what it hears on the ack topics it can say again."""

    def __init__(self, url: str, seed: int) -> None:
        settings = MqttSettings.model_validate({"broker": url, "client_id": f"hostile-{seed}", "backoff_ms": 100.0})
        subscriptions = [Subscription("vehicle/+/ack", 0), Subscription("vehicle/+/command", 0)]
        self._draw = Random(f"hostile/{seed}")
        self._acks: deque[tuple[str, bytes]] = deque(maxlen=_KEPT)
        self.retained_commands = 0
        self._link = AiomqttLink(settings, subscriptions, self._take, lambda _: None, announce_status=False)

    async def start(self) -> None:
        """Begin connecting."""
        await self._link.start()

    async def close(self) -> None:
        """Disconnect."""
        await self._link.close()

    async def rubbish(self) -> int:
        """Say something unreadable everywhere; how often."""
        said = [(topic.format(name), payload) for topic in _TOPICS for name in _NAMES for payload in self._draw.sample(_RUBBISH, 4)]
        await self._say(said)
        return len(said)

    async def flood(self, seconds: float, vehicles: int, per_s: int) -> int:
        """Telemetry of vehicles there are, much more than anybody should send, all of it true to form; how often."""
        said, ends = 0, asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < ends:
            batch = []
            for _ in range(per_s // 20):
                name = f"flood{self._draw.randint(1, vehicles):06d}"
                payload = json.dumps({"vehicle_id": name, "soc": 0.5, "power_kw": 0.0, "available": False, "ts": 1_795_441_129})
                batch.append((f"v2g/vehicle/state/{name}", payload.encode()))
            await self._say(batch)
            said += len(batch)
            await asyncio.sleep(0.05)
        return said

    async def old_acks(self) -> int:
        """Every acknowledgement heard lately, once again and in another order; how many."""
        said = list(self._acks)
        self._draw.shuffle(said)
        await self._say(said)
        return len(said)

    async def look_for_retained(self) -> int:
        """Subscribe anew and wait for what the broker has kept; commands among it since the start."""
        if not await self._link.wait_up(_UP_S):
            return self.retained_commands
        await asyncio.sleep(0.2)
        return self.retained_commands

    async def _say(self, said: list[tuple[str, bytes]]) -> None:
        if await self._link.wait_up(_UP_S):
            await self._link.publish_many([Outgoing(topic, payload, 0) for topic, payload in said], lambda _, __: None)

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic.endswith("/command"):
            self.retained_commands += retained
        else:
            self._acks.append((topic, payload))
