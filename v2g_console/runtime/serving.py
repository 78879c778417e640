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

from aiohttp import web
from textual_serve.server import Server

from v2g_console.config.redact import learn_secret
from v2g_console.runtime.serving_door import Door

log = logging.getLogger(__name__)


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
        command = shlex.join([sys.executable, "-m", "v2g_console", "attach", *options.attach])
        super().__init__(command, options.host, options.port, "v2g-console", options.public_url or None)
        self._door = Door(options.token, self.public_url)
        self._most, self._here = options.visitors, 0

    async def application(self) -> web.Application:
        """The routes of textual-serve, behind the door."""
        app = await self._make_app()
        app.middlewares.append(self._door.middleware())
        app.on_response_prepare.append(self._door.add_headers)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Nothing is printed: the command says it."""

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One visitor; his console ends with his page."""
        if self._here >= self._most:
            raise web.HTTPServiceUnavailable(text=f"{self._most} consoles are open already: close one")
        self._here += 1
        log.info("a visitor came, %d here", self._here)
        try:
            return await super().handle_websocket(request)
        finally:
            self._here -= 1
            log.info("a visitor left, %d here", self._here)


async def serve(options: ServeOptions, listening: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. `listening` is told the address without the token. Raises OSError if the port can't be had."""
    server = ConsoleServer(options)
    learn_secret(options.token)
    runner = web.AppRunner(await server.application(), access_log=None, shutdown_timeout=3.0)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port).start()
        listening(server.public_url)
        await ended.wait()
    finally:
        await runner.cleanup()


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
