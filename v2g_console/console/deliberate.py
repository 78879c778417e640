"""Telling a decision from a held, doubled or stray key: a confirming key counts only after a pause in which it was left alone."""

from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

HELD_S: Final = 1.1
"""A key pressed again within this is still the same press: terminals begin to repeat a held key after 0.2 to 1.0 s."""


class Deliberate:
    """Watches one confirming key (or several that mean the same). `dwell_s`: how long the question must have been on screen."""

    def __init__(self, dwell_s: float, monotonic_s: Callable[[], float]) -> None:
        self._dwell_s = dwell_s
        self._monotonic_s = monotonic_s
        self._shown_at_s = monotonic_s()
        self._early_at_s = float("-inf")

    def shown(self) -> None:
        """The question came on screen now."""
        self._shown_at_s = self._monotonic_s()

    @property
    def ready(self) -> bool:
        """True if the key pressed now would be a decision."""
        now_s = self._monotonic_s()
        return now_s - self._shown_at_s >= self._dwell_s and now_s - self._early_at_s >= HELD_S

    def decided(self, *, held: bool = False) -> bool:
        """The key was pressed: True if that is a decision. Too early a press takes the key away until it was left alone for `HELD_S`.

        `held`: it was pressed a moment before as well, perhaps before the question came on screen (see `Presses`).
        """
        if self.ready and not (held and self._dwell_s > 0):
            return True
        self.early()
        return False

    def early(self) -> None:
        """The key was pressed where there is nothing to confirm yet: should it be held, it must not confirm what comes next."""
        self._early_at_s = self._monotonic_s()


class Presses:
    """When each key was pressed last, wherever it went: a key held since before a question must not answer it."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._pressed_at_s: dict[str, float] = {}
        self._held: set[str] = set()

    def note(self, key: str) -> None:
        """A key was pressed now. Keys left alone for long are forgotten."""
        now_s = self._monotonic_s()
        recent = {name: at_s for name, at_s in self._pressed_at_s.items() if now_s - at_s < HELD_S}
        self._held = {key} if key in recent else set()
        self._pressed_at_s = recent | {key: now_s}

    def held(self, key: str) -> bool:
        """True if the key pressed just now had been pressed within `HELD_S` before."""
        return key in self._held


@runtime_checkable
class KnowsPresses(Protocol):
    """An app that notes every key."""

    presses: Presses
