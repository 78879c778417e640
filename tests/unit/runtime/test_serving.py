"""The console in a browser: who comes in, from where, and what is started for him."""

import asyncio
import json
import logging
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, WSMsgType, WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer, unused_port

from v2g_console.cli.entry import exit_code
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.runtime import serving
from v2g_console.runtime.screen import no_terminal
from v2g_console.runtime.serving import ConsoleServer, ServeOptions, attach_options

TOKEN = "".join(["kK3-", "x" * 28])
ECHO = """
import os, sys
os.write(1, b"__GANGLION__\\n")
told = f"size {os.environ['COLUMNS']}x{os.environ['ROWS']}".encode()
os.write(1, b"D" + len(told).to_bytes(4, "big") + told)
while True:
    head = sys.stdin.buffer.read(5)
    body = sys.stdin.buffer.read(int.from_bytes(head[1:], "big"))
    if head[:1] == b"M" and b"quit" in body or not head:
        break
    if head[:1] == b"D":
        os.write(1, b"D" + len(body).to_bytes(4, "big") + body)
"""

DEAF = ECHO.split("while True", maxsplit=1)[0] + "while True: os.read(0, 1) or __import__('signal').pause()"


class Site:
    """A served page and a browser that keeps cookies."""

    def __init__(self, client: TestClient[Any, Any], origin: str, server: ConsoleServer) -> None:
        self.client, self.origin, self.server = client, origin, server

    async def closed(self) -> None:
        """Until the last visitor is gone."""
        for _ in range(2000):
            if not self.server._here:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("somebody stayed")

    async def status(self, path: str, **headers: str) -> int:
        """The status of a plain request, without following where it leads."""
        answer = await self.client.get(path, headers=headers, allow_redirects=False)
        await answer.read()
        return answer.status

    async def come_in(self) -> None:
        """With the token."""
        assert await self.status(f"/?token={TOKEN}") == 303


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    port = unused_port()
    server = ConsoleServer(ServeOptions("127.0.0.1", port, TOKEN, visitors=2))
    server.command = shlex.join([sys.executable, "-c", ECHO])
    listening = TestServer(await server.application(), host="127.0.0.1", port=port)
    async with TestClient(listening) as client:
        yield Site(client, f"http://127.0.0.1:{port}", server)


@pytest.mark.parametrize(
    "path", ["/", "/?token=", "/?token=wrong", "/static/js/textual.js", "/static/", "/download/x", f"/static/?token={TOKEN}"]
)
async def test_without_the_token_there_is_nothing_to_see(site: Site, path: str) -> None:
    assert await site.status(path) == 401


async def test_the_token_becomes_a_cookie_of_another_value_and_leaves_the_address(site: Site) -> None:
    answer = await site.client.get(f"/?token={TOKEN}", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and TOKEN not in cookie
    page = await site.client.get("/")
    assert page.status == 200 and TOKEN not in await page.text()
    assert await site.status("/static/js/textual.js") == 200


async def test_the_page_loads_nothing_from_elsewhere_and_tells_nobody(site: Site) -> None:
    await site.come_in()
    headers = (await site.client.get("/")).headers
    assert (
        headers["Content-Security-Policy"].startswith("default-src 'self'")
        and "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    )
    assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")


async def test_the_page_hears_keys_without_a_click(site: Site) -> None:
    await site.come_in()
    page = await (await site.client.get("/")).text()
    assert page.count("</body>") == 1 and page.index("textual.js") < page.index("'.xterm-helper-textarea')?.focus()")


async def test_another_name_or_another_page_is_refused_even_with_the_cookie(site: Site) -> None:
    await site.come_in()
    assert await site.status("/", Host="evil.example") == 403
    assert await site.status(f"/?token={TOKEN}", Host="localhost:1") == 403
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        with pytest.raises(WSServerHandshakeError) as refused:
            await site.client.ws_connect("/ws", headers=headers)
        assert refused.value.status == 403


async def test_a_socket_needs_the_cookie_too(site: Site) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await site.client.ws_connect("/ws", headers={"Origin": site.origin})
    assert refused.value.status == 401


async def test_each_visitor_has_a_console_of_his_own_and_only_so_many_come_in(site: Site) -> None:
    await site.come_in()
    origin = {"Origin": site.origin}
    async with site.client.ws_connect("/ws?width=81&height=25", headers=origin) as one:
        assert (await one.receive()).data == b"size 81x25"
        await one.send_str(json.dumps(["stdin", "é"]))
        assert (await one.receive()).data == "é".encode()
        async with site.client.ws_connect("/ws", headers=origin) as other:
            assert (await other.receive()).data == b"size 80x24"
            with pytest.raises(WSServerHandshakeError) as refused:
                await site.client.ws_connect("/ws", headers=origin)
            assert refused.value.status == 503
    await site.closed()
    async with site.client.ws_connect("/ws", headers=origin) as again:
        assert (await again.receive()).type is WSMsgType.BINARY


async def test_a_page_that_sends_nonsense_loses_its_console_and_no_more(site: Site) -> None:
    await site.come_in()
    origin = {"Origin": site.origin}
    for nonsense in ("", "{}", "[]", '["stdin"]', '["stdin", 1]', '["resize", []]', '["resize", {"width": 1}]', "[" * 5000):
        async with site.client.ws_connect("/ws?width=-1&height=99999999", headers=origin) as one:
            assert (await one.receive()).data == b"size 80x24"
            await one.send_str(nonsense)
            assert (await one.receive()).type in {WSMsgType.CLOSE, WSMsgType.CLOSED}, nonsense[:20]
    assert await site.status("/") == 200


async def test_a_console_that_does_not_end_is_killed(site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    await site.come_in()
    monkeypatch.setattr(serving, "END_WITHIN_S", 0.1)
    site.server.command = f"exec {shlex.join([sys.executable, '-c', DEAF])}"
    async with site.client.ws_connect("/ws", headers={"Origin": site.origin}) as one:
        await one.receive()
    await site.closed()
    assert "did not end: killed" in caplog.text


@pytest.fixture
def signals_restored() -> Iterator[None]:
    """`serve` leaves the signals of its process ignored."""
    before = {number: signal.getsignal(number) for number in serving._ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_restored")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_it_ends_at_a_signal_and_hears_no_other_from_then_on(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore it
    address = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serving.serve(ServeOptions("127.0.0.1", unused_port(), TOKEN), address.set_result))
    async with asyncio.timeout(20.0):
        await address
        signal.raise_signal(number)
        await running
    assert [signal.getsignal(ending) for ending in serving._ENDING] == [signal.SIG_IGN] * 3
    signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("signals_restored")
async def test_with_nohup_it_outlives_its_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    address = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serving.serve(ServeOptions("127.0.0.1", unused_port(), TOKEN), address.set_result))
    async with asyncio.timeout(20.0):
        await address
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.raise_signal(signal.SIGTERM)
        await running


@pytest.mark.usefixtures("signals_restored")
async def test_the_token_is_in_no_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    address = asyncio.get_running_loop().create_future()
    options = ServeOptions("127.0.0.1", unused_port(), TOKEN, attach=("--socket", "/nowhere.sock"))
    running = asyncio.create_task(serving.serve(options, address.set_result))
    async with asyncio.timeout(20.0), ClientSession(await address, cookie_jar=CookieJar(unsafe=True)) as browser:
        assert (await browser.get("/", params={"token": TOKEN})).status == 200
        assert (await browser.get("/", params={"token": "wrong-" + TOKEN})).status == 401
        async with browser.ws_connect("/ws", headers={"Origin": str(address.result())}) as page:
            assert (await page.receive()).type in {WSMsgType.CLOSE, WSMsgType.CLOSED}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    out, err = capfd.readouterr()
    assert "a visitor came" in caplog.text
    assert TOKEN not in caplog.text + out + err


async def test_behind_a_proxy_the_cookie_is_for_tls_only() -> None:
    server = ConsoleServer(ServeOptions("127.0.0.1", 1, TOKEN, public_url="https://console.example"))
    async with TestClient(TestServer(await server.application())) as client:
        answer = await client.get(f"/?token={TOKEN}", headers={"Host": "console.example"}, allow_redirects=False)
        assert answer.status == 303 and "Secure" in answer.headers["Set-Cookie"]


def test_visitors_only_look_unless_they_may_act(tmp_path: Path) -> None:
    socket = tmp_path / "with space.sock"
    assert attach_options(socket, False, None, {}) == ("--socket", str(socket), "--read-only")
    look: dict[str, str | bool | None] = {"theme": "grey-light", "low_bandwidth": True, "ascii": False}
    options = attach_options(socket, True, tmp_path / "c.yaml", look)
    assert options[2:] == ("--config", str(tmp_path / "c.yaml"), "--theme", "grey-light", "--low-bandwidth")
    command = shlex.split(ConsoleServer(ServeOptions("127.0.0.1", 1, TOKEN, attach=options)).command)
    assert command[0] == "exec" and command[2:] == ["-m", "v2g_console", "attach", *options]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--host", "0.0.0.0"), "in plain text: put a proxy with TLS before it"),
        (("--host", "::"), "in plain text"),
        (("--host", "10.0.0.1", "--public-url", "http://x"), "in plain text"),
        (("--public-url", "console.example"), "--public-url: expected https://HOST"),
        (("--port", "0"), "0 is not in the range"),
    ],
)
def test_an_address_that_would_show_it_to_the_network_is_refused(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["serve", *arguments]) == ExitCode.USAGE
    assert told in re.sub(r"\s+", " ", capsys.readouterr().err)


@pytest.mark.parametrize("token", ["", "short", "with space " * 4, "é" * 40])
def test_a_token_that_could_be_guessed_is_refused(tmp_path: Path, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "token").write_text(token, "utf-8")
    assert exit_code(["serve", "--token-file", str(tmp_path / "token")]) == ExitCode.USAGE
    assert "at least 24 letters and digits" in re.sub(r"\s+", " ", capsys.readouterr().err)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "v2g_console.runtime.serving")
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    assert exit_code(["serve"]) == ExitCode.USAGE
    assert "pip install 'v2g-console[serve]'" in capsys.readouterr().err


def test_a_page_is_a_place_to_draw_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ | {"TEXTUAL_DRIVER": "", "TERM": "xterm"})
    assert "no terminal" in no_terminal()
    monkeypatch.setattr(os, "environ", os.environ | {"TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"})
    assert no_terminal() == ""
