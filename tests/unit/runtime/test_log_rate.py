"""A flood of log records is cut down, counted, and ends with the flood."""

import logging
from pathlib import Path

import pytest

from v2g_console.config.settings import Settings
from v2g_console.runtime.log_rate import ALIKE_PER_WINDOW, ALL_PER_WINDOW, RateFilter
from v2g_console.runtime.log_setup import log_to_file


class Told(logging.Handler):
    """Keeps what passes."""

    def __init__(self, limit: RateFilter) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.addFilter(limit)

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def flooded(told: Told, template: str, times: int) -> None:
    for number in range(times):
        told.handle(logging.makeLogRecord({"name": "x", "levelno": logging.WARNING, "msg": template, "args": (number,)}))


def test_records_alike_are_held_back_and_their_number_is_told_once() -> None:
    now = [0.0]
    told = Told(RateFilter(lambda: now[0]))
    flooded(told, "refused %d", 1000)
    assert told.texts == [f"refused {number}" for number in range(ALIKE_PER_WINDOW)]
    flooded(told, "something else %d", 1)
    assert told.texts[-1] == "something else 0"
    now[0] = 11.0
    flooded(told, "refused %d", 2)
    assert told.texts[-2:] == ["refused 0 (980 alike were not logged)", "refused 1"]


def test_records_that_are_all_different_are_bounded_too() -> None:
    told = Told(RateFilter(lambda: 0.0))
    for number in range(5000):
        flooded(told, f"topic {number} %d", 1)
    assert len(told.texts) == ALL_PER_WINDOW


def test_a_log_file_does_not_grow_with_a_flood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        path = log_to_file(Settings(), "flood.log")
        for number in range(20_000):
            logging.getLogger("v2g_console.test").warning("bad message %d", number)
        assert path.stat().st_size < 5000
    finally:
        for handler in list(root.handlers):
            root.removeHandler(handler)
            handler.close()
        for handler in before:
            root.addHandler(handler)
        root.setLevel(level)
