"""STOP at every site of a console: asked at the same time, each with its own answer, and never called done while one is not."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from v2g_console.console.actions import shown_key
from v2g_console.console.operating import stop_text
from v2g_console.console.sites import Site
from v2g_console.contract.replies import Accepted
from v2g_console.contract.requests import Stop
from v2g_console.contract.stop import StopView

ANSWER_S: Final = 10.0
"""An engine that has not answered by then is told of as unknown; its answer is no longer waited for."""


class Outcome(Enum):
    """What came of STOP at one site."""

    ASKED = "asked"
    TAKEN = "taken"
    REFUSED = "REFUSED"
    UNKNOWN = "NOT KNOWN"


@dataclass(frozen=True, slots=True)
class SiteOutcome:
    """One site and its answer in words."""

    site: Site
    outcome: Outcome
    text: str


class StopAll:
    """One STOP for all `sites`. `changed` is called after each answer."""

    def __init__(self, sites: tuple[Site, ...], answer_s: float = ANSWER_S) -> None:
        self._sites = sites
        self._answer_s = answer_s
        self._outcomes = {site: SiteOutcome(site, Outcome.ASKED, "waiting for its answer") for site in sites}

    @property
    def outcomes(self) -> tuple[SiteOutcome, ...]:
        """One a site, in their order."""
        return tuple(self._outcomes[site] for site in self._sites)

    @property
    def finished(self) -> bool:
        """True once every site has answered or was given up."""
        return all(one.outcome is not Outcome.ASKED for one in self.outcomes)

    @property
    def complete(self) -> bool:
        """True if every site has taken it."""
        return all(one.outcome is Outcome.TAKEN for one in self.outcomes)

    def summary(self) -> str:
        """`STOP ALL: taken by 2 of 3 sites; NOT KNOWN: lyon; REFUSED: nice`."""
        taken = sum(one.outcome is Outcome.TAKEN for one in self.outcomes)
        parts = [f"STOP ALL: taken by {'all' if self.complete else f'{taken} of'} {len(self._sites)} sites"]
        for outcome in (Outcome.ASKED, Outcome.UNKNOWN, Outcome.REFUSED):
            names = [one.site.name for one in self.outcomes if one.outcome is outcome]
            if names:
                parts.append(f"{outcome.value}: {', '.join(names)}")
        return "; ".join(parts)

    async def ask(self, changed: Callable[[], None]) -> None:
        """Ask every site at once; returns when the last has answered or was given up."""
        await asyncio.gather(*(self._ask(site, changed) for site in self._sites))

    async def _ask(self, site: Site, changed: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(self._answer_s):
                reply = await site.model.request(Stop(reason="at all sites"))
        except OSError as error:  # ConnectionError and TimeoutError are among them
            text = str(error) or f"no answer within {self._answer_s:g} s"
            self._outcomes[site] = SiteOutcome(site, Outcome.UNKNOWN, text)
        else:
            if isinstance(reply, Accepted):
                self._outcomes[site] = SiteOutcome(site, Outcome.TAKEN, _taken_text(site, reply))
            else:
                self._outcomes[site] = SiteOutcome(
                    site, Outcome.REFUSED, f"{reply.message} ({reply.hint})" if reply.hint else reply.message
                )
        changed()


def _taken_text(site: Site, reply: Accepted) -> str:
    return stop_text(reply.result, shown_key("stop.list", site.model)) if isinstance(reply.result, StopView) else "taken"
