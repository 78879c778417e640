"""Changes of one thing that overlap, any of which may be refused: what is left is as if those had never been asked for."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Change(Generic[T]):
    """One change under way; `before` is what it goes back to if it is refused."""

    before: T


class Overlapping(Generic[T]):
    """The changes under way, oldest first. The newest decides what holds now."""

    def __init__(self) -> None:
        self._under_way: list[Change[T]] = []

    def begin(self, before: T) -> Change[T]:
        """Something is changed, and was `before`."""
        self._under_way.append(Change(before))
        return self._under_way[-1]

    def carried_out(self, change: Change[T]) -> None:
        """It holds; whatever was asked before it is over too."""
        if change in self._under_way:
            del self._under_way[: self._under_way.index(change) + 1]

    def refused(self, change: Change[T], now: T) -> T:
        """What holds instead of `now`: what was before it, unless something newer was asked, which goes back to that if refused too."""
        if change not in self._under_way:
            return now
        at = self._under_way.index(change)
        del self._under_way[at]
        if at == len(self._under_way):
            return change.before
        self._under_way[at].before = change.before
        return now
