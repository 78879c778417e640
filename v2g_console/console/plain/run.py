"""Starting the line-oriented console: signals, the loop, and giving the terminal back."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.patient_terminal import PatientTerminal
from v2g_console.console.plain.console import PlainConsole
from v2g_console.console.plain.line_source import LineSource
from v2g_console.console.plain.speaker import Speaker
from v2g_console.contract.port import EnginePort
from v2g_console.contract.requests import Origin


def run_plain(port: EnginePort, origin: Origin, options: ConsoleOptions) -> ConsoleExit:
    """Tell on standard output and take commands from standard input until the operator leaves, the input ends or a signal comes.

    From here on SIGTERM, SIGHUP and SIGINT end the console only, also after it has returned.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  (open as long as the process)
    source = LineSource(sys.stdin)
    # Nobody may be reading: a console that is told to end must not wait for that.
    out = PatientTerminal(os.open(os.devnull, os.O_WRONLY) if sys.stdout is None else sys.stdout.fileno(), _nothing)
    speaker = Speaker(out, options.ascii or (sys.stdout is not None and "utf" not in sys.stdout.encoding.lower()))
    try:
        return asyncio.run(_run(port, origin, options, source, speaker, out.end))
    finally:
        out.end()
        source.close()
        if options.leave_message:
            speaker.say(options.leave_message)


async def _run(
    port: EnginePort, origin: Origin, options: ConsoleOptions, source: LineSource, speaker: Speaker, hurry: Callable[[], None]
) -> ConsoleExit:
    console = PlainConsole(ConsoleModel(port, origin), speaker, source, options, time.monotonic)
    console.model.recording = options.recording
    loop = asyncio.get_running_loop()

    def interrupt(_: int, __: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(console.interrupt)

    def end(_: int, __: FrameType | None) -> None:
        hurry()
        if not loop.is_closed():
            loop.call_soon_threadsafe(console.end)

    # Not the loop's own handlers: those are gone with it, and a closing terminal may send its signal twice.
    signal.signal(signal.SIGINT, interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    return await console.run()


def _nothing() -> None:
    """The speaker notices by itself that nobody reads."""
