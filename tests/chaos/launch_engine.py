"""`python -m tests.chaos.launch_engine [arguments of v2g-console]`: the program, prepared to kill itself, to be wrong, to see other dates.

`CHAOS` in the environment is an `Orders` as JSON; without it this is the program as it is.
"""

import os
import signal
import time
from typing import Any

import msgspec

from tests.chaos.mutants import MUTANTS
from tests.chaos.points import POINTS, arm, replace


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What is to happen to this engine.

    `kill_at`: name of a point, reached for the `kill_after`-th time. `clock`: pairs of seconds since the start and the offset (s) of its
    UTC from then on. `lease_s`: shorter than a configuration may say. `mutant`: name of a way to break it.
    """

    kill_at: str = ""
    kill_after: int = 1
    clock: tuple[tuple[float, float], ...] = ()
    lease_s: float = 0.0
    mutant: str = ""


def prepare(orders: Orders) -> None:
    """Change the program in this process. Raises NoSuchTargetError."""
    import v2g_console.runtime.run  # noqa: F401  everything that may be wrapped must be imported first
    from v2g_console.journal import sqlite  # noqa: F401  as above

    if orders.lease_s:
        replace("runtime.services:Services.__init__", lambda original: _with_lease(original, orders.lease_s))
    if orders.clock:
        started = time.monotonic()

        def offset_s() -> float:
            elapsed = time.monotonic() - started
            return next((offset for after, offset in reversed(orders.clock) if elapsed >= after), 0.0)

        replace("engine.clock:SystemClock.utc", lambda original: lambda self: original(self) + offset_s())
    if orders.mutant:
        MUTANTS[orders.mutant].apply()
    if orders.kill_at:
        _kill_at(orders.kill_at, orders.kill_after)


def _with_lease(original: Any, lease_s: float) -> Any:
    def init(self: Any, settings: Any, **named: Any) -> None:
        dispatch = settings.dispatch.model_copy(update={"lease_s": lease_s})
        original(self, settings.model_copy(update={"dispatch": dispatch}), **named)

    return init


def _kill_at(name: str, count: int) -> None:
    left = [count]

    def reached() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.write(2, f"chaos: killed {name} ({count})\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    arm(POINTS[name], reached)


if __name__ == "__main__":
    prepare(msgspec.json.decode(os.environ.get("CHAOS", "{}"), type=Orders))
    from v2g_console.cli import main

    main()
