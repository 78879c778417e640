"""`attach`: the console over an engine that is another process; and the offer to do so when one is found running."""

import asyncio
import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from v2g_console.attach.client import SocketClient
from v2g_console.attach.paths import find_socket, socket_path
from v2g_console.attach.reattaching import ReattachingPort
from v2g_console.attach.recording import RecordingError
from v2g_console.attach.viewing import ViewingPort
from v2g_console.config.settings import Settings
from v2g_console.console.options import ConsoleOptions
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.options import RunOptions
from v2g_console.contract.replies import Accepted, StatusView
from v2g_console.contract.requests import Origin, Status
from v2g_console.domain.text import visible
from v2g_console.domain.units import counted
from v2g_console.runtime.recording import Recording, of_socket
from v2g_console.runtime.screen import ignore_ending_signals, log, prepare_lines_or_screen, refuses_to_draw, say, show, show_lines


def attach(settings: Settings, path: Path, run_options: RunOptions) -> int:
    """Draw the engine at `path` until the operator leaves; the engine goes on. Returns the exit code."""
    refused = refuses_to_draw(run_options)
    if refused:
        say(f"{refused}: add --plain for lines instead of a screen; v2g-console status tells the same in words")
        return ExitCode.USAGE
    try:
        asyncio.run(_greeted(path))
    except ConnectionError as error:
        say(visible(str(error)))
        return ExitCode.NO_LINK
    try:
        recording = None if run_options.record is None else Recording(run_options.record)
    except RecordingError as error:
        say(visible(str(error)))
        return ExitCode.USAGE
    log_file = prepare_lines_or_screen(settings, "attach.log", run_options.plain)
    log.info("attaching to %s", path)
    engine = ReattachingPort(path)
    port = ViewingPort(engine) if settings.console.read_only else engine
    news = None if recording is None else recording.news
    options = replace(ConsoleOptions.from_settings(settings.console), attached=str(path), recording=news)
    with nullcontext() if recording is None else recording.of(of_socket(path), ends_with_engine=False):
        held, _ = (show_lines if run_options.plain else show)(port, options, log_file)
    if not held:
        say("the engine runs on")
    ignore_ending_signals()
    return ExitCode.DONE if held else ExitCode.FAILED


@dataclass(frozen=True, slots=True)
class FoundEngine:
    """An engine that runs on this machine, and what it says of itself."""

    path: Path
    words: str


def find_engine(settings: Settings) -> FoundEngine | None:
    """The engine that listens where this configuration would, or at the system's socket; None if none answers."""
    places = [socket_path] if settings.socket.enabled else []
    places += [find_socket] if settings.socket.path is None else []
    tried: set[Path] = set()
    for place in places:
        try:
            path = place(settings.socket)
            if path not in tried:
                tried.add(path)
                return FoundEngine(path, asyncio.run(_described(path)))
        except ConnectionError as error:  # also a path that no socket can have: starting an engine says more about that
            log.debug("no engine found: %s", error)
    return None


def wants_to_attach(found: FoundEngine) -> bool:
    """Say what was found, ask, and return the answer; no answer at all is a no. Both ends must be a terminal."""
    say(f"an engine is already running at {visible(str(found.path))}: {found.words}")
    while True:
        print("Attach to it? [Y/n] ", end="", file=sys.stderr, flush=True)  # noqa: T201  (a question to the person at the terminal)
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if not line or answer in {"n", "no"}:
            return False
        if answer in {"", "y", "yes"}:
            return True


async def _greeted(path: Path) -> None:
    async with SocketClient(path):
        return


async def _described(path: Path) -> str:
    async with SocketClient(path) as engine:
        reply = await engine.request(Status(), Origin(user="", way="cli"))
        told = reply.result if isinstance(reply, Accepted) else None
        return _words(told) if isinstance(told, StatusView) else f"version {visible(engine.engine_version)}"


def _words(status: StatusView) -> str:
    """`version 0.1.0, "paris-nord", ssl://broker:8883, 1204 vehicles, 2 dispatches active, since 2026-11-23 14:02 UTC`."""
    engine = status.engine
    since = datetime.fromtimestamp(engine.started_ms / 1000, UTC)
    parts = [
        f"version {engine.version}",
        "a demo" if engine.demo else f'"{engine.name}"',
        status.link.broker,
        counted(status.fleet.vehicles, "vehicle", "vehicles"),
        counted(len(status.dispatches), "dispatch", "dispatches"),
        f"since {since:%Y-%m-%d %H:%M} UTC",
    ]
    return visible(", ".join(part for part in parts if part))
