"""For the whole suite: tests marked `mosquitto` need the broker; without it they are skipped and named at the end, in CI they fail."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.brokers import INSTALL_HINT, find_mosquitto
from v2g_console.config import redact

_REASON = "mosquitto is not installed"


@pytest.fixture(autouse=True, scope="session")
def home_of_the_tests() -> Iterator[None]:
    """Nothing reads or writes the files of the person who runs the suite: journal, views, logs, sockets. Short, for paths of sockets."""
    with tempfile.TemporaryDirectory(prefix="v2g-", ignore_cleanup_errors=True) as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", home)
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
            folder = Path(home, name.split("_")[1].lower())
            folder.mkdir(0o700)
            patch.setenv(name, str(folder))
        yield


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
