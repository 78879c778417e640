"""The console in a browser: a page that runs `v2g-console attach` for each visitor, behind a token.

The web part is textual-serve (an optional extra); what it lacks is added here: who may come in, from which page, and how many.
"""

import asyncio
import logging
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server

from v2g_console.config.redact import learn_secret
from v2g_console.runtime.serving_door import Door

log = logging.getLogger(__name__)
HEARTBEAT_S: Final = 15.0
END_WITHIN_S: Final = 5.0
MOST_CELLS: Final = 1000
_TAKE_THE_KEYS: Final = (
    "<script>window.addEventListener('load', () => document.querySelector('.xterm-helper-textarea')?.focus())</script></body>"
)
"""Without it the page hears no key, STOP's neither, before somebody clicks on it."""
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where to listen, and what to run for a visitor. `public_url`: where a proxy shows it, "" for the address itself.

    `attach`: options of `v2g-console attach`. `visitors`: the most at a time; each is a process of its own.
    """

    host: str
    port: int
    token: str
    public_url: str = ""
    attach: tuple[str, ...] = ()
    visitors: int = 8


class ConsoleServer(Server):
    """textual-serve behind a `Door`, with a limit on visitors and without its log."""

    def __init__(self, options: ServeOptions) -> None:
        command = "exec " + shlex.join([sys.executable, "-m", "v2g_console", "attach", *options.attach])
        super().__init__(command, options.host, options.port, "v2g-console", options.public_url or None)
        self._door = Door(options.token, self.public_url)
        self._most, self._here = options.visitors, 0
        self._leaving: set[asyncio.Task[None]] = set()

    async def application(self) -> web.Application:
        """The routes of textual-serve, behind the door."""
        app = await self._make_app()
        app.middlewares.append(self._door.middleware())
        app.on_cleanup.append(self._all_gone)
        app.on_response_prepare.append(self._door.add_headers)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Nothing is printed: the command says it."""

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page of textual-serve, which here hears keys from the beginning."""
        page = await super().handle_index(request)
        if isinstance(page, web.Response):
            page.text = (page.text or "").replace("</body>", _TAKE_THE_KEYS)
        return page

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One visitor; his console ends with his page."""
        if self._here >= self._most:
            raise web.HTTPServiceUnavailable(text=f"{self._most} consoles are open already: close one")
        self._here += 1
        log.info("a visitor came, %d here", self._here)
        page = web.WebSocketResponse(heartbeat=HEARTBEAT_S)

        async def close() -> None:
            await page.close()

        visitor = Visitor(
            self.command, write_bytes=page.send_bytes, write_str=page.send_str, close=close, download_manager=self.download_manager
        )
        try:
            await page.prepare(request)
            await visitor.start(_cells(request, "width", 80), _cells(request, "height", 24))
            await self._process_messages(page, visitor)
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
            log.warning("a page sent something that is no message: %s", type(error).__name__)
        finally:
            self._see_off(visitor)
        return page

    def _see_off(self, visitor: "Visitor") -> None:
        """End his console in a task of its own: the handler of a page is cancelled when the page goes away."""
        task = asyncio.create_task(visitor.leave())
        self._leaving.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._leaving.discard(task)
        self._here -= 1
        log.info("a visitor left, %d here", self._here)

    async def _all_gone(self, _: web.Application) -> None:
        await asyncio.gather(*self._leaving)


class Visitor(AppService):
    """One console of a visitor. Here its page is closed when it ends by itself, and its process is waited for, killed if it must be."""

    async def run(self) -> None:
        """Carry what it draws; a console that never began leaves no page that waits for it."""
        try:
            await super().run()
        finally:
            await self.remote_close()

    async def leave(self) -> None:
        """End the console and wait until it is gone."""
        if self._process is None:
            return
        ending = asyncio.gather(self.stop(), self._process.wait())
        await asyncio.wait([ending], timeout=END_WITHIN_S)
        if not ending.done():
            log.warning("a visitor's console did not end: killed")
            self._process.kill()
        await ending


def _cells(request: web.Request, name: str, otherwise: int) -> int:
    """A size in cells that a terminal can have."""
    told = request.query.get(name, "")
    return min(MOST_CELLS, max(1, int(told))) if told.isascii() and told.isdigit() and len(told) < 6 else otherwise


async def serve(options: ServeOptions, listening: Callable[[str], None]) -> None:
    """Serve until SIGINT, SIGTERM or the closing of the terminal; all are ignored from then on: the process is about to end by itself.

    `listening` is told the address without the token. Raises OSError if the port can't be had.
    """
    server = ConsoleServer(options)
    learn_secret(options.token)
    runner = web.AppRunner(await server.application(), access_log=None, shutdown_timeout=3.0)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end(*_: object) -> None:
        loop.call_soon_threadsafe(ended.set)

    for number in _ENDING:  # not the loop's handlers: a signal that comes while it closes would be told as an error
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup`
            signal.signal(number, end)
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port).start()
        listening(server.public_url)
        await ended.wait()
    finally:
        await runner.cleanup()
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)


def attach_options(socket: Path, read_write: bool, config: Path | None, look: dict[str, str | bool | None]) -> tuple[str, ...]:
    """The options of `attach` for every visitor; read-only unless asked otherwise."""
    options = [
        "--socket",
        str(socket),
        *(["--config", str(config)] if config is not None else []),
        *([] if read_write else ["--read-only"]),
    ]
    if look.get("theme"):
        options += ["--theme", str(look["theme"])]
    return (*options, *(f"--{name.replace('_', '-')}" for name in ("low_bandwidth", "ascii") if look.get(name)))
