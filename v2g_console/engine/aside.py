"""Long computations beside the engine's loop: one at a time in a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """A worker thread, begun when it is first needed. Work must touch nothing that belongs to the loop."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], T], within_s: float) -> T:
        """The result of `work`, or what it raises. Raises TimeoutError after `within_s`; whatever it finds then is thrown away."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="solver")
        async with asyncio.timeout(within_s):
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Begin nothing more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
