"""Starting the line-oriented console: signals, the loop, and giving the terminal back."""

import asyncio
import signal
import sys
import time
from typing import TextIO

from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.plain.console import PlainConsole
from v2g_console.console.plain.line_source import LineSource
from v2g_console.console.plain.speaker import Speaker
from v2g_console.contract.port import EnginePort
from v2g_console.contract.requests import Origin


def run_plain(
    port: EnginePort,
    origin: Origin,
    options: ConsoleOptions,
    commands: TextIO | None = None,
    out: TextIO | None = None,
) -> ConsoleExit:
    """Tell and ask until the operator leaves, the input ends or a signal comes. From here on signals end the console only.

    Commands come from standard input, or `commands`; everything is told on standard output, or `out`.
    """
    source = LineSource(sys.stdin if commands is None else commands)
    speaker = Speaker(sys.stdout if out is None else out, options.ascii)
    try:
        return asyncio.run(_run(port, origin, options, source, speaker))
    finally:
        source.close()
        if options.leave_message:
            speaker.say(options.leave_message)


async def _run(port: EnginePort, origin: Origin, options: ConsoleOptions, source: LineSource, speaker: Speaker) -> ConsoleExit:
    console = PlainConsole(ConsoleModel(port, origin), speaker, source, options, time.monotonic)
    console.model.recording = options.recording
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, console.interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, console.end)
    return await console.run()
