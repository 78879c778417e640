"""TCP proxies between client and broker: `Proxy` freezes and cuts, `MqttProxy` also delays, duplicates and reorders whole MQTT packets."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Self

_PUBLISH = 3
_LENGTH_BYTES = 4


class Proxy:
    """Forwards to 127.0.0.1:`target_port`; use as an async context manager."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where clients connect."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def freeze(self) -> None:
        """Forward nothing any more, but keep all connections open."""
        self._open.clear()

    def thaw(self) -> None:
        """Forward again."""
        self._open.set()

    def cut(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def refuse(self, yes: bool) -> None:
        """Reset every new connection at once, or no longer; those there are stay."""
        self._refusing = yes

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        there_writer: asyncio.StreamWriter | None = None
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(there_writer)
            await asyncio.gather(self._pipe(reader, there_writer, up=True), self._pipe(there_reader, writer, up=False))
        except (OSError, asyncio.CancelledError):  # the task is ours: cancelling it at the end is no news
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            if there_writer is not None:
                self._writers.discard(there_writer)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        await self._open.wait()  # frozen means that not even an end gets through
        writer.close()


@dataclass(slots=True)
class Shape:
    """What happens to packets on their way; times in seconds, shares of PUBLISH packets 0..1.

    `delay_s` plus up to `jitter_s` keeps their order; `reorder` are held back by up to `late_s` while others overtake them;
    `duplicate` are sent twice, the second up to `late_s` later.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late_s: float = 1.0


class MqttProxy(Proxy):
    """A proxy that knows where an MQTT packet ends. `shape` may be changed at any time; `muted` holds back what clients say."""

    def __init__(self, target_port: int, randomness: Random) -> None:
        super().__init__(target_port)
        self.shape = Shape()
        self.counts = {"duplicate": 0, "reorder": 0}
        self._randomness = randomness
        self._unmuted = asyncio.Event()
        self._unmuted.set()

    def mute(self, yes: bool) -> None:
        """Hold back what clients say, while they still hear the broker."""
        if yes:
            self._unmuted.clear()
        else:
            self._unmuted.set()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        loop, last_due = asyncio.get_running_loop(), 0.0
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                packet = await _packet(reader)
                await self._open.wait()
                if up:
                    await self._unmuted.wait()
                shape, late_s = self.shape, self._late_s()
                due = loop.time() + shape.delay_s + self._randomness.random() * shape.jitter_s
                published = packet[0] >> 4 == _PUBLISH
                if published and self._randomness.random() < shape.reorder:
                    self.counts["reorder"] += 1
                    loop.call_at(max(due, last_due) + late_s, _writing(writer, packet))
                    continue
                if published and self._randomness.random() < shape.duplicate:
                    self.counts["duplicate"] += 1
                    loop.call_at(max(due, last_due) + late_s, _writing(writer, packet))
                if due <= loop.time() and last_due + 0.1 <= loop.time():  # no timer of ours may still be about to fire
                    writer.write(packet)
                    await writer.drain()
                else:
                    last_due = max(due, last_due + 1e-6)  # timers of one moment have no order of their own
                    loop.call_at(last_due, _writing(writer, packet))
        await self._open.wait()
        loop.call_at(max(loop.time(), last_due + 1e-6), writer.close)

    def _late_s(self) -> float:
        return self._randomness.random() * self.shape.late_s


def _writing(writer: asyncio.StreamWriter, packet: bytes) -> Callable[[], None]:
    def write() -> None:
        if not writer.is_closing():
            writer.write(packet)

    return write


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """The next whole MQTT packet. Raises IncompleteReadError at the end."""
    head = await reader.readexactly(1)
    length = 0
    for place in range(_LENGTH_BYTES):
        byte = await reader.readexactly(1)
        head += byte
        length |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            break
    return head + await reader.readexactly(length)
