"""An engine that goes while a request is being written: one clear error for the caller, and nothing said behind his back."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from v2g_console.attach.client import SocketClient
from v2g_console.attach.errors import EngineGoneError
from v2g_console.contract.requests import Origin, Status


class GoingWriter:
    """The engine's end is closed while the request goes out: the reader notices first, the writer a moment later."""

    def __init__(self, client: SocketClient) -> None:
        self._client = client

    def write(self, data: bytes) -> None:
        assert data

    async def drain(self) -> None:
        for answer in self._client._waiting.values():
            answer.set_exception(EngineGoneError("gone"))
        raise ConnectionResetError


async def test_the_error_is_told_once() -> None:
    behind_his_back: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: behind_his_back.append(context))
    client = SocketClient(Path("/nowhere"))
    client._gone, client._writer = "", GoingWriter(client)  # type: ignore[assignment]  # as much of a writer as is used
    with pytest.raises(EngineGoneError):
        await client.request(Status(), Origin(user="ines", way="cli"))
    gc.collect()
    await asyncio.sleep(0)
    assert behind_his_back == []
