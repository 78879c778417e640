"""Talks with the line-oriented console: what is written to it, what it writes, on a scripted engine."""

import asyncio
import io
from collections.abc import Callable

from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock
from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.plain.console import PlainConsole
from v2g_console.console.plain.line_source import LineSource
from v2g_console.console.plain.speaker import Speaker

Step = str | Callable[[], None]
"""A line that is written, or something that happens before the next one."""
DEADLINE_S = 40.0


class Paper:
    """What a console writes on. `torn`: nobody reads it any more."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self.torn = False

    @property
    def usable(self) -> bool:
        return not self.torn

    def write(self, text: str) -> int:
        return self._text.write(text)

    def getvalue(self) -> str:
        """Everything so far."""
        return self._text.getvalue()


class Typist:
    """A LineSource that is no thread: a person at a terminal, or a pipe. `line` gives None once everything is written."""

    def __init__(self, steps: list[Step], *, interactive: bool = True) -> None:
        self.interactive = interactive
        self.prompts: list[str] = []
        self._steps = list(steps)

    @property
    def waits(self) -> bool:
        return False

    def typed(self) -> str:
        return ""

    def line(self, prompt: str) -> "asyncio.Future[str | None]":
        self.prompts.append(prompt)
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, str):
                answer.set_result(step)
                return answer
            step()
        answer.set_result(None)
        return answer

    def leave_question(self) -> None:
        """Nothing is half typed."""

    def close(self) -> None:
        """Nothing to give back."""


class Talk:
    """One console, its engine and what it has written."""

    def __init__(
        self, steps: list[Step], port: FakePort | None = None, options: ConsoleOptions | None = None, *, interactive: bool = True
    ) -> None:
        self.port = FakePort() if port is None else port
        self.out = Paper()
        self.clock = SteppedClock()
        self.typist = Typist(steps, interactive=interactive)
        chosen = ConsoleOptions(refresh_hz=0.001) if options is None else options
        self.console = PlainConsole(
            ConsoleModel(self.port, ORIGIN, self.clock), Speaker(self.out, chosen.ascii), self._source(), chosen, self.clock
        )

    def _source(self) -> LineSource:
        return self.typist  # type: ignore[return-value]  # the same methods

    async def held(self) -> tuple[ConsoleExit, str]:
        """How it ended, and everything that was written."""
        left = await asyncio.wait_for(self.console.run(), DEADLINE_S)
        return left, self.out.getvalue()


async def talk(*steps: Step, port: FakePort | None = None, options: ConsoleOptions | None = None) -> str:
    """What was written in a talk that ends with the last step."""
    return (await Talk([*steps, "quit", "release"], port, options).held())[1]
