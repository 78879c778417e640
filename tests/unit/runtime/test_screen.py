"""The console's process and its signals."""

import io
import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from v2g_console.console.app import EndSwitch
from v2g_console.console.options import ConsoleExit
from v2g_console.runtime.log_rate import RateFilter
from v2g_console.runtime.screen import drawn

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = [signal.getsignal(number) for number in ENDING]
    yield
    for number, handler in zip(ENDING, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.timeout(20)
def test_signals_in_the_middle_of_a_log_record_end_the_console_and_hang_nothing(tmp_path: Path) -> None:
    waiting = [*ENDING]

    def monotonic() -> float:
        while waiting:
            signal.raise_signal(waiting.pop())
        return 0.0

    out = logging.StreamHandler(io.StringIO())
    out.addFilter(RateFilter(monotonic))
    log = logging.getLogger("v2g_console.runtime.screen")
    log.addHandler(out)
    pressed: list[bool] = []

    class Switch(EndSwitch):
        def press(self) -> None:
            pressed.append(True)

    def console(_: EndSwitch) -> ConsoleExit:
        log.warning("interrupted")
        return ConsoleExit.ENDED

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("v2g_console.console.app.EndSwitch", Switch)
        try:
            assert drawn(console, tmp_path / "log") == (True, ConsoleExit.ENDED)
        finally:
            log.removeHandler(out)
    assert len(pressed) == 3
    told = out.stream.getvalue().splitlines()
    assert told == ["interrupted", *(f"{name}: the console ended" for name in ("SIGHUP", "SIGINT", "SIGTERM"))]
