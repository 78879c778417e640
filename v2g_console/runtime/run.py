"""`run`: engine with a console, or alone; and the engine for one job."""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from v2g_console.attach.errors import EngineAlreadyRunningError, SocketPathError
from v2g_console.attach.in_thread import InThreadPort
from v2g_console.attach.recording import RecordingError
from v2g_console.config.load import LoadedSettings
from v2g_console.config.os_users import own_user
from v2g_console.config.redact import learn_secrets
from v2g_console.config.settings import ConsoleSettings, Settings
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.options import RunOptions
from v2g_console.contract.requests import Dispatch
from v2g_console.domain.units import counted
from v2g_console.headless.run import run_headless
from v2g_console.headless.source import CommandSource
from v2g_console.headless.writer import LineWriter, OutputClosedError
from v2g_console.journal.port import JournalError
from v2g_console.metrics.server import MetricsPortError
from v2g_console.runtime.configured import configured
from v2g_console.runtime.crash import guard_reports
from v2g_console.runtime.locks import ClientIdInUseError, ClientIdLock
from v2g_console.runtime.log_setup import log_to_standard_error
from v2g_console.runtime.recording import Recording, of_port
from v2g_console.runtime.screen import no_terminal, prepare_lines_or_screen, refuses_to_draw, say, show, show_lines
from v2g_console.runtime.service_manager import ServiceManager, tell_for_ever
from v2g_console.runtime.services import Services
from v2g_console.transport.connect_options import TransportConfigError
from v2g_console.transport.topics import TopicConfigError

if TYPE_CHECKING:
    from v2g_console.runtime.engine_thread import EngineThread

log = logging.getLogger(__name__)
_SIGNAL_POLL_S = 0.25

SWITCH_INTERVAL_S = 0.0005
"""At Python's 5 ms default, pure-Python work in the console would cut publishing to a fraction."""

_WRONG_SETTINGS = (TransportConfigError, TopicConfigError, MetricsPortError, SocketPathError, JournalError, RecordingError)
_ALREADY_RUNNING = (EngineAlreadyRunningError, ClientIdInUseError)


def run(loaded: LoadedSettings, options: RunOptions) -> int:
    """Run the engine with its console, or alone; returns the exit code."""
    for warning in loaded.warnings:
        say(str(warning))
    settings = with_options(loaded.settings, options)
    if not options.no_ui and options.commands is None and not no_terminal():
        from v2g_console.console.keys_checks import check_keys
        from v2g_console.runtime.attach import attach, find_engine, wants_to_attach

        check_keys(loaded)
        found = find_engine(settings)
        if found is not None and wants_to_attach(found):
            return attach(settings, found.path, options)
    return guarded(settings, options, demo=False, loaded=loaded)


def run_standalone(loaded: LoadedSettings, request: Dispatch) -> int:
    """Start an engine for one dispatch, follow it to its end, and stop; returns the exit code."""
    settings = loaded.settings.model_copy(update={"socket": loaded.settings.socket.model_copy(update={"enabled": False})})
    reading, writing = os.pipe()
    os.write(writing, msgspec.json.encode(request) + b"\n")
    os.close(writing)
    return guarded(settings, RunOptions(no_ui=True), demo=False, loaded=loaded, commands=CommandSource(reading, owns_descriptor=True))


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


def guarded(
    settings: Settings,
    options: RunOptions,
    *,
    demo: bool,
    loaded: LoadedSettings | None = None,
    commands: CommandSource | None = None,
    leave_message: str = "",
) -> int:
    """Run, with every expected failure told in one line on standard error; returns the exit code."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    learn_secrets(settings)
    guard_reports()
    try:
        source = commands if commands is not None or options.commands is None else CommandSource.open(options.commands)
    except OSError as error:
        say(f"--commands {options.commands}: {error.strerror}")
        return ExitCode.USAGE
    if not options.no_ui and source is None:
        refused = refuses_to_draw(options)
        if refused:
            say(f"{refused}: add --plain for lines instead of a screen, or --no-ui to run without one")
            return ExitCode.USAGE
    try:
        with ClientIdLock(settings.mqtt):
            services = Services(settings, read_only=settings.console.read_only, demo=demo, configured=configured(settings, loaded))
            recording = None if options.record is None else Recording(options.record)
            gc.freeze()  # what is loaded by now stays: the collector need not look at it again
            gc.enable()
            if options.no_ui or source is not None:
                log_to_standard_error(settings)
                return asyncio.run(_alone(services, settings, source, recording))
            shown = replace(
                ConsoleOptions.from_settings(settings.console, demo=demo),
                leave_message=leave_message,
                recording=None if recording is None else recording.news,
            )
            with ExitStack() as stack:
                return _with_console(services, settings, shown, plain=options.plain, stack=stack, recording=recording)
    except _WRONG_SETTINGS as error:
        say(str(error))
        return ExitCode.USAGE
    except _ALREADY_RUNNING as error:
        say(str(error))
        return ExitCode.FAILED
    except OutputClosedError as error:
        say(str(error))
        return ExitCode.FAILED


async def _alone(services: Services, settings: Settings, source: CommandSource | None, recording: Recording | None) -> int:
    """The engine without a screen: requests in, events out, on the engine's own loop."""
    out = LineWriter.standard_output()
    stop, leaving = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        if stop.is_set() or leaving.is_set():
            services.hurry()
        stop.set()

    loop.add_signal_handler(signal.SIGHUP, stop.set)  # a closing terminal may send it twice
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)

    async def wind_down() -> int:
        leaving.set()
        return await services.wind_down(settings.dispatch.on_exit if stop.is_set() else "release")

    manager = ServiceManager()
    await services.start()
    recorders = ExitStack()
    if recording is not None:
        recorders.enter_context(recording.of(of_port(InThreadPort(services.engine, loop)), ends_with_engine=True))
    telling = asyncio.create_task(tell_for_ever(manager, services.engine, stop)) if manager else None
    try:
        return await run_headless(
            services.engine,
            source,
            out,
            min_ack_share=settings.dispatch.min_ack_share,
            origin_user=own_user(),
            stop=stop,
            wind_down=wind_down,
        )
    finally:
        stop.set()
        await services.wind_down("release")
        await asyncio.to_thread(recorders.close)  # beside the loop, which the recorder may be asking
        if telling is not None:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        await services.close()


def _with_console(
    services: Services, settings: Settings, options: ConsoleOptions, *, plain: bool, stack: ExitStack, recording: Recording | None
) -> int:
    """Console in the main thread, engine in its own, the recorder in a third one until the `stack` is closed."""
    from v2g_console.runtime.engine_thread import EngineThread

    log_file = prepare_lines_or_screen(settings, "console.log", plain)
    engine = EngineThread(services)
    engine.start()
    if recording is not None:
        stack.enter_context(recording.of(of_port(engine.port), ends_with_engine=True))
    held, choice = (show_lines if plain else show)(engine.port, options, log_file)
    if choice is ConsoleExit.QUIT_KEEP_RUNNING:
        wait_for_signal(log_file)
    _end_engine(engine, "release" if choice is ConsoleExit.QUIT_RELEASE else settings.dispatch.on_exit, stack)
    return ExitCode.DONE if held else ExitCode.FAILED


def _end_engine(engine: "EngineThread", policy: Literal["release", "drain"], recorders: ExitStack) -> None:
    """End all dispatches by policy, the recording and the engine, telling people who wait at the prompt what takes so long."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closing terminal may send it twice
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: engine.hurry())  # what ended the console came before: this is the second
    active = engine.active_dispatches()
    if active:
        doing = "releasing the vehicles of" if policy == "release" else "waiting for the end of"
        say(f"{doing} {counted(active, 'dispatch', 'dispatches')}")
    owed = engine.end(policy, recorders.close)
    if owed:
        say(f"{counted(owed, 'vehicle has', 'vehicles have')} not confirmed a release: the last setpoint may still be followed")
    elif active:
        say("no vehicle owes a release: each has confirmed it, or its lease has ended")


def wait_for_signal(log_file: Path) -> None:
    """Go on without a screen until SIGTERM or SIGINT; the closing of the terminal is ignored, so the log stays in its file."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asked: list[int] = []  # no Event: setting one takes a lock, and the handler of a second signal would wait for the first's
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: asked.append(number))  # a second one hurries the release
    say(f"running on without a screen (process {os.getpid()}, log {log_file}): `v2g-console attach` looks at it, SIGTERM or Ctrl+C ends it")
    while not asked:
        time.sleep(_SIGNAL_POLL_S)
