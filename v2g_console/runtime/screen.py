"""A console on this terminal, whatever its engine is: what surrounds it, how it ends, what is said about it."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from v2g_console.config.os_users import own_user
from v2g_console.config.redact import redacted
from v2g_console.config.settings import Settings
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.patient_terminal import write_patiently
from v2g_console.contract.options import RunOptions
from v2g_console.contract.port import EnginePort
from v2g_console.contract.requests import Origin
from v2g_console.runtime.log_setup import log_to_file

if TYPE_CHECKING:  # loads Textual, which reads the environment that `prepare_screen` sets
    from v2g_console.console.app import EndSwitch

log = logging.getLogger(__name__)


def no_terminal() -> str:
    """Why a screen can't be drawn; "" if it can: on a terminal, or in a page that is reached over pipes (`serve`)."""
    if os.environ.get("TEXTUAL_DRIVER"):
        return ""
    if os.environ.get("TERM") == "dumb":
        return "this terminal can't move its cursor (TERM is dumb)"
    for name, stream in (("standard input", sys.stdin), ("standard error", sys.stderr)):
        if stream is None or not stream.isatty():
            return f"{name} is no terminal, so there is nothing to draw on"
    return ""


def refuses_to_draw(options: RunOptions) -> str:
    """Why what `options` ask for can't be shown; lines of text go anywhere."""
    return "" if options.plain else no_terminal()


def say(text: str) -> None:
    """One line for people on standard error, if somebody still reads it; else only the log has it."""
    text = redacted(text)
    log.info("%s", text)
    if sys.stderr is not None:
        with suppress(OSError):  # standard error is closed: the log has it
            write_patiently(sys.stderr, f"v2g-console: {text}\n")


def prepare_screen(settings: Settings, log_name: str) -> Path:
    """Set what Textual reads when it is loaded, load it, and send the log to a file of that name, which is returned."""
    from v2g_console.console.terminal import prepare, wants_no_color

    prepare(settings.console.low_bandwidth, settings.console.ascii, wants_no_color())
    # Before an engine runs: until the console has its signal handlers, a closing terminal kills the program without a release.
    import v2g_console.console.app  # noqa: F401 - only to have it loaded

    return log_to_file(settings, log_name)


def prepare_lines_or_screen(settings: Settings, log_name: str, plain: bool) -> Path:
    """`prepare_screen`, or for lines of text the log alone."""
    return log_to_file(settings, log_name) if plain else prepare_screen(settings, log_name)


def show_lines(port: EnginePort, options: ConsoleOptions, log_file: Path) -> tuple[bool, ConsoleExit]:
    """As `show`, with lines instead of a screen: on standard output, commands from standard input."""
    from v2g_console.console.plain.run import run_plain

    try:
        return True, run_plain(port, Origin(user=own_user(), way="console"), options)
    except Exception:
        log.exception("the console broke")
        say(f"the console broke; the report is in {log_file}")
    return False, ConsoleExit.ENDED


def show(port: EnginePort, options: ConsoleOptions, log_file: Path) -> tuple[bool, ConsoleExit]:
    """Draw one engine until the operator leaves or a signal comes; see `drawn`. `prepare_screen` must have run."""
    from v2g_console.console.app import run_console

    return drawn(lambda switch: run_console(port, Origin(user=own_user(), way="console"), options, switch), log_file)


def ignore_ending_signals() -> None:
    """For a program that has said its last word: Python's end takes its handlers away, and a closing terminal may signal twice."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def drawn(console: Callable[["EndSwitch"], ConsoleExit], log_file: Path) -> tuple[bool, ConsoleExit]:
    """Run `console` until the operator leaves or a signal comes: whether it held, and what the operator wants.

    From here on SIGTERM, SIGHUP and SIGINT end the console only.
    """
    from v2g_console.console.app import ConsoleCrashError, EndSwitch

    switch, caught = EndSwitch(), list[int]()

    def end_console(number: int, _: FrameType | None) -> None:
        caught.append(number)  # told below: this may have come in the middle of a log record, or of another signal
        switch.press()

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end_console)
    try:
        return True, console(switch)
    except ConsoleCrashError as error:
        log.error("the console crashed\n%s", error)
        say(f"the console crashed; the report is in {log_file}")
    except Exception:
        log.exception("the console broke on its way out")
    finally:
        for name in sorted({signal.Signals(number).name for number in caught}):
            log.warning("%s: the console ended", name)
    return False, ConsoleExit.ENDED
