"""The whole way of a served console: page, door, `attach` in a process of its own, the engine's socket."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer, unused_port

from tests.console.fake_port import FakePort
from v2g_console.attach.server import SocketServer
from v2g_console.contract.requests import Stop
from v2g_console.runtime.serving import ConsoleServer, ServeOptions, attach_options

SGR = re.compile(r"\x1b\[[^a-zA-Z]*[a-zA-Z]")
TOKEN = "".join(["served-", "y" * 24])


async def until_drawn(page: ClientWebSocketResponse, *wanted: str) -> None:
    """Read what is drawn until all of `wanted` came."""
    drawn = b""
    try:
        async with asyncio.timeout(15.0):
            while not all(words in SGR.sub("", drawn.decode(errors="replace")) for words in wanted):
                drawn += await page.receive_bytes()
    except TimeoutError:
        raise AssertionError(f"{wanted} were never drawn: {drawn[-3000:]!r}") from None


async def test_a_visitor_sees_the_engine_looks_only_and_leaves_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    engine, path = FakePort(), tmp_path / "engine.sock"
    socket = SocketServer(engine, path)
    await socket.start()
    port = unused_port()
    server = ConsoleServer(ServeOptions("127.0.0.1", port, TOKEN, attach=attach_options(path, False, None, {})))
    try:
        async with TestClient(TestServer(await server.application(), host="127.0.0.1", port=port)) as browser:
            assert (await browser.get(f"/?token={TOKEN}")).status == 200
            async with browser.ws_connect("/ws?width=120&height=36", headers={"Origin": f"http://127.0.0.1:{port}"}) as page:
                await until_drawn(page, "READ-ONLY", "#7f3a")
                await page.send_str(json.dumps(["stdin", "5"]))
                await until_drawn(page, "Refused messages")
                await page.send_str(json.dumps(["stdin", "s"]))
                await until_drawn(page, "STOP DISPATCH", "--read-only")
    finally:
        await socket.close()
    assert engine.asked(Stop) == []
