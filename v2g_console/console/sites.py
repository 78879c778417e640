"""Several engines in one console: what each is called and how it is reached, and what is known of all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import safe_text
from v2g_console.contract.port import EnginePort
from v2g_console.contract.requests import Origin

BACKGROUND_EVERY_S: Final = 1.0
"""How often a site that is not on screen is asked for its picture; the one on screen is asked at each tick."""
_NAME_CELLS: Final = 40


@dataclass(frozen=True, slots=True)
class SiteWay:
    """A site as it was named by the person who attached, and the port to its engine, which must not wait for ever (`TimedPort`)."""

    name: str
    port: EnginePort


class Site:
    """One engine of several. `number` counts from 1; `mode` names its own stack of screens."""

    def __init__(self, number: int, model: ConsoleModel, monotonic_s: Callable[[], float]) -> None:
        self.number = number
        self.model = model
        self.mode = f"site-{number}"
        self._monotonic_s = monotonic_s
        self._asked_at_s = float("-inf")

    @property
    def name(self) -> str:
        """What people call it, safe to draw."""
        return self.model.site_name

    def due(self, on_screen: bool) -> bool:
        """True if it is time to ask for its picture; rarely if nobody sees it."""
        now_s = self._monotonic_s()
        if not on_screen and now_s - self._asked_at_s < BACKGROUND_EVERY_S:
            return False
        self._asked_at_s = now_s
        return True


def sites_of(ways: Sequence[SiteWay], first: ConsoleModel, origin: Origin, monotonic_s: Callable[[], float]) -> tuple[Site, ...]:
    """One Site a way, each with a model of its own; `first` is the model of the first way. The models know one another."""
    models = (first, *(ConsoleModel(way.port, origin, monotonic_s) for way in ways[1:]))
    for way, model in zip(ways, models, strict=True):
        model.site_name = safe_text(way.name, _NAME_CELLS) or "?"
        model.neighbours = models
    return tuple(Site(number, model, monotonic_s) for number, model in enumerate(models, 1))


def neighbour(sites: Sequence[Site], shown: Site, step: int) -> Site:
    """The site `step` places on from `shown`, round the end."""
    return sites[(sites.index(shown) + step) % len(sites)]
