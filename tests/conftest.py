"""For the whole suite: tests marked `mosquitto` need the broker; without it they are skipped and named at the end, in CI they fail."""

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.broker.brokers import INSTALL_HINT, find_mosquitto
from v2g_console.config import redact

_REASON = "mosquitto is not installed"


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """What belongs to the whole process is put back: secrets that were learned, and who is told of uncaught errors."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    redact._LEARNED.clear()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mosquitto") is None or find_mosquitto() is not None:
        return
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{_REASON}: {INSTALL_HINT}", pytrace=False)
    pytest.skip(_REASON)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if _REASON in str(report.longrepr)]
    if not skipped:
        return
    terminalreporter.section(f"{len(skipped)} tests skipped: {_REASON}")
    for report in skipped:
        terminalreporter.line(f"  {report.nodeid}")
    terminalreporter.line(f"to run them: {INSTALL_HINT}")
