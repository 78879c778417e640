"""An event loop whose time is virtual: waiting costs nothing, and the same test takes the same steps each time."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from v2g_console.engine.clock import Clock

P = ParamSpec("P")
START_MONOTONIC_S = 5_000.0
START_UTC_S = 1_795_441_129.25
LONGEST_S = 6 * 3600.0


class NothingLeftToDoError(Exception):
    """Everybody waits, and no timer is set: the real program would hang."""


class _Selector(selectors.DefaultSelector):
    """Looks at sockets without waiting; the wait asked for becomes virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = START_MONOTONIC_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise NothingLeftToDoError
        self.now_s += max(0.0, timeout)
        assert self.now_s < START_MONOTONIC_S + LONGEST_S, "virtual time runs away: somebody waits for ever"
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` jumps to the next timer."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s


class VirtualClock(Clock):
    """The engine's clock on a virtual loop; `step_s` moves the wall clock alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.step_s = 0.0

    def utc(self) -> float:
        return START_UTC_S + self.monotonic() - START_MONOTONIC_S + self.step_s

    def monotonic(self) -> float:
        return self._loop.time()


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on a loop of its own with virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
