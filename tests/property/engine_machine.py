"""What every random walk through the whole engine stands on: an engine on virtual time, a way to ask it, a link that comes and goes."""

import asyncio
from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.unit.engine.bench import Bench
from tests.unit.engine.cars import Car
from tests.unit.engine.virtual_time import VirtualLoop
from v2g_console.config.settings import Settings
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Accepted, Refusal, Refused


class EngineMachine(RuleBasedStateMachine):
    """`one` is there from `start_with` on, which a rule of the walk calls first."""

    one: Bench

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)

    def start_with(self, fleet: Sequence[Car], chosen: Settings) -> None:
        async def build() -> Bench:
            one = Bench(fleet, chosen)
            await one.start()
            return one

        self.one = self.runner.run(build())

    def asked(self, request: ask.Request) -> str:
        """The dispatch that an accepted request is about, if any; whatever is asked, the engine never fails inside."""
        reply = self.runner.run(self.one.say(request))
        assert not (isinstance(reply, Refused) and reply.reason is Refusal.INTERNAL), reply
        return reply.dispatch_id if isinstance(reply, Accepted) else ""

    @rule(up=st.booleans())
    def link_changes(self, up: bool) -> None:
        async def change() -> None:
            if up:
                self.one.link.up()
            else:
                self.one.link.down()

        self.runner.run(change())
