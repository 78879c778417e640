"""`run`: engine with a console, or alone; and the engine for one job."""

import asyncio
import gc
import getpass
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal

import msgspec

from v2g_console.attach.errors import EngineAlreadyRunningError, SocketPathError
from v2g_console.config.load import LoadedSettings
from v2g_console.config.settings import ConsoleSettings, Settings
from v2g_console.console.patient_terminal import write_patiently
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.options import RunOptions
from v2g_console.contract.requests import Dispatch, Origin
from v2g_console.domain.units import counted
from v2g_console.headless.run import run_headless
from v2g_console.headless.source import CommandSource
from v2g_console.headless.writer import LineWriter, OutputClosedError
from v2g_console.journal.port import JournalError
from v2g_console.metrics.server import MetricsPortError
from v2g_console.runtime.locks import ClientIdInUseError, ClientIdLock
from v2g_console.runtime.log_setup import log_to_file, log_to_standard_error
from v2g_console.runtime.services import Services
from v2g_console.transport.connect_options import TransportConfigError
from v2g_console.transport.topics import TopicConfigError

if TYPE_CHECKING:
    from v2g_console.runtime.engine_thread import EngineThread

log = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005
"""At Python's 5 ms default, pure-Python work in the console would cut publishing to a fraction."""

_WRONG_SETTINGS = (TransportConfigError, TopicConfigError, MetricsPortError, SocketPathError, JournalError)
_ALREADY_RUNNING = (EngineAlreadyRunningError, ClientIdInUseError)


def run(loaded: LoadedSettings, options: RunOptions) -> int:
    """Run the engine with its console, or alone; returns the exit code."""
    for warning in loaded.warnings:
        say(str(warning))
    settings = with_options(loaded.settings, options)
    return guarded(settings, options, demo=False)


def run_standalone(loaded: LoadedSettings, request: Dispatch) -> int:
    """Start an engine for one dispatch, follow it to its end, and stop; returns the exit code."""
    settings = loaded.settings.model_copy(update={"socket": loaded.settings.socket.model_copy(update={"enabled": False})})
    reading, writing = os.pipe()
    os.write(writing, msgspec.json.encode(request) + b"\n")
    os.close(writing)
    return guarded(settings, RunOptions(no_ui=True), demo=False, commands=CommandSource(reading, owns_descriptor=True))


def with_options(settings: Settings, options: RunOptions) -> Settings:
    """The settings with what the command line changes about the screen."""
    console: ConsoleSettings = settings.console.model_copy(
        update={
            "theme": options.theme or settings.console.theme,
            "read_only": options.read_only or settings.console.read_only,
            "low_bandwidth": options.low_bandwidth or settings.console.low_bandwidth,
            "ascii": options.ascii or settings.console.ascii,
        }
    )
    return settings.model_copy(update={"console": console})


def guarded(settings: Settings, options: RunOptions, *, demo: bool, commands: CommandSource | None = None, leave_message: str = "") -> int:
    """Run, with every expected failure told in one line on standard error; returns the exit code."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        source = commands if commands is not None or options.commands is None else CommandSource.open(options.commands)
    except OSError as error:
        say(f"--commands {options.commands}: {error.strerror}")
        return ExitCode.USAGE
    if not options.no_ui and source is None:
        refused = no_terminal()
        if refused:
            say(refused)
            return ExitCode.USAGE
    try:
        with ClientIdLock(settings.mqtt):
            services = Services(settings, read_only=settings.console.read_only, demo=demo)
            gc.freeze()  # what is loaded by now stays: the collector need not look at it again
            gc.enable()
            if options.no_ui or source is not None:
                log_to_standard_error(settings)
                return asyncio.run(_alone(services, settings, source))
            return _with_console(services, settings, demo=demo, leave_message=leave_message)
    except _WRONG_SETTINGS as error:
        say(str(error))
        return ExitCode.USAGE
    except _ALREADY_RUNNING as error:
        say(str(error))
        return ExitCode.FAILED
    except OutputClosedError as error:
        say(str(error))
        return ExitCode.FAILED


def no_terminal() -> str:
    """Why a screen can't be drawn; "" if it can."""
    for name, stream in (("standard input", sys.stdin), ("standard error", sys.stderr)):
        if stream is None or not stream.isatty():
            return f"{name} is no terminal, so there is nothing to draw on: add --no-ui to run without a screen"
    return ""


def say(text: str) -> None:
    """One line for people on standard error, if somebody still reads it; else only the log has it."""
    log.info("%s", text)
    if sys.stderr is not None:
        with suppress(OSError):  # standard error is closed: the log has it
            write_patiently(sys.stderr, f"v2g-console: {text}\n")


async def _alone(services: Services, settings: Settings, source: CommandSource | None) -> int:
    """The engine without a screen: requests in, events out, on the engine's own loop."""
    out = LineWriter.standard_output()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    policy = settings.dispatch.on_exit

    async def wind_down() -> None:
        await services.wind_down(policy)

    await services.start()
    try:
        return await run_headless(
            services.engine,
            source,
            out,
            min_ack_share=settings.dispatch.min_ack_share,
            origin_user=getpass.getuser(),
            stop=stop,
            wind_down=wind_down,
        )
    finally:
        await services.wind_down("release")
        await services.close()


def _with_console(services: Services, settings: Settings, *, demo: bool, leave_message: str) -> int:
    """Console in the main thread, engine in its own."""
    from v2g_console.console.options import ConsoleExit, ConsoleOptions
    from v2g_console.console.terminal import prepare, wants_no_color
    from v2g_console.runtime.engine_thread import EngineThread

    prepare(settings.console.low_bandwidth, settings.console.ascii, wants_no_color())
    log_file = log_to_file(settings)
    engine = EngineThread(services)
    engine.start()
    from v2g_console.console.app import ConsoleCrashError, EndSwitch, run_console

    switch = EndSwitch()

    def end_console(number: int, _: FrameType | None) -> None:
        log.warning("%s: the console ends", signal.Signals(number).name)
        switch.press()

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end_console)
    options = replace(ConsoleOptions.from_settings(settings.console, demo=demo), leave_message=leave_message)
    code, choice = ExitCode.DONE, ConsoleExit.ENDED
    try:
        choice = run_console(engine.port, Origin(user=getpass.getuser(), way="console"), options, switch)
    except ConsoleCrashError as error:
        log.error("the console crashed\n%s", error)
        say(f"the console crashed; the report is in {log_file}")
        code = ExitCode.FAILED
    except Exception:
        log.exception("the console broke on its way out")
        code = ExitCode.FAILED
    if choice is ConsoleExit.QUIT_KEEP_RUNNING:
        wait_for_signal(log_file)
    _end_engine(engine, "release" if choice is ConsoleExit.QUIT_RELEASE else settings.dispatch.on_exit)
    return code


def _end_engine(engine: "EngineThread", policy: Literal["release", "drain"]) -> None:
    """End all dispatches by policy and the engine, telling people who wait at the prompt what takes so long."""
    active = engine.active_dispatches()
    if active:
        doing = "releasing the vehicles of" if policy == "release" else "waiting for the end of"
        say(f"{doing} {counted(active, 'dispatch', 'dispatches')}")
    owed = engine.end(policy)
    if owed:
        say(f"{counted(owed, 'vehicle has', 'vehicles have')} not confirmed a release: the last setpoint may still be followed")
    elif active:
        say("every vehicle has confirmed its release")


def wait_for_signal(log_file: Path) -> None:
    """Go on without a screen until SIGTERM or SIGINT; the closing of the terminal is ignored, so the log stays in its file."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())  # also from then on: an impatient second one must not cut the release short
    say(f"running on without a screen (process {os.getpid()}, log {log_file}); end it with SIGTERM or Ctrl+C")
    asked.wait()
