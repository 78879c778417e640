"""What is told of an error that nobody expected: the call stack and the message, never a secret."""

import logging
import sys
import threading
import traceback
from contextlib import suppress
from types import TracebackType

from v2g_console.config.redact import redacted

log = logging.getLogger(__name__)


def guard_reports() -> None:
    """Python prints an uncaught error by itself, past every log handler: from now on through us, in every thread."""
    sys.excepthook = _uncaught
    threading.excepthook = _in_thread
    sys.unraisablehook = _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    _tell("the program crashed", kind, error, where)


def _in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit:
        _tell(f"thread {args.thread.name if args.thread else '?'} crashed", args.exc_type, args.exc_value, args.exc_traceback)


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    _tell(args.err_msg or "an error while something was thrown away", args.exc_type, args.exc_value, args.exc_traceback)


def _tell(what: str, kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    """To the log if there is one, else to standard error."""
    report = redacted("".join(traceback.format_exception(kind, error, where)))
    if logging.getLogger().handlers:
        log.critical("%s\n%s", what, report)
    elif sys.stderr is not None:
        with suppress(OSError, ValueError):  # closed: nobody could read it anyway
            sys.stderr.write(f"v2g-console: {what}\n{report}")
