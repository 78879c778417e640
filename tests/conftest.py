"""For the whole suite: tests marked `mosquitto` need the broker; without it they are skipped and named at the end, in CI they fail."""

import os

import pytest

from tests.broker.brokers import INSTALL_HINT, find_mosquitto

_REASON = "mosquitto is not installed"


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
