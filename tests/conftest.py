"""For the whole suite: tests marked `mosquitto` need the broker; without it they are skipped and named at the end, in CI they fail."""

import gc
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.broker.brokers import INSTALL_HINT, find_mosquitto
from v2g_console.config import redact

_REASON = "mosquitto is not installed"
_WAITING = {"broker", "chaos"}
_STARTED_BY = 0.7
"""The last test that waits for other processes starts when this share of the files has started, so that none ends alone."""

# The same examples each time, and no clock: a busy machine fails nothing. `--hypothesis-profile=default` looks for new examples.
hypothesis.settings.register_profile(
    "suite", derandomize=True, database=None, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


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
    gc.enable()  # the command line switches it off


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers, files that wait for processes and files that compute take turns; one worker keeps the order of folders."""
    if not hasattr(config, "workerinput"):
        return
    waiting, computing = [
        list(dict.fromkeys(item.path for item in items if (item.path.parent.name in _WAITING) is waits)) for waits in (True, False)
    ]
    turn = {path: _STARTED_BY * at / len(waiting) for at, path in enumerate(waiting)}
    turn |= {path: at / len(computing) for at, path in enumerate(computing)}
    items.sort(key=lambda item: turn[item.path])


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector need not look at it again, and looks less often at the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


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
