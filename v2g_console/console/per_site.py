"""An attribute of the console that each of several sites has for itself."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, cast, overload

from v2g_console.console.sites import Site

T = TypeVar("T")


class OverSites(Protocol):
    """A console that knows which site is acted on; `own` holds what each has for itself, by attribute."""

    own: dict[tuple[str, Site | None], object]

    @property
    def acting_or_none(self) -> Site | None:
        """The site of the handler that asks; None while the console is being made."""


class PerSite(Generic[T]):
    """Read and written for the site that is acted on at that moment; `make` gives the first value of each."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, console: None, kind: type) -> "PerSite[T]": ...

    @overload
    def __get__(self, console: OverSites, kind: type) -> T: ...

    def __get__(self, console: OverSites | None, kind: type) -> "PerSite[T] | T":
        if console is None:
            return self
        key = (self._name, console.acting_or_none)
        if key not in console.own:
            console.own[key] = self._make()
        return cast("T", console.own[key])

    def __set__(self, console: OverSites, value: T) -> None:
        console.own[self._name, console.acting_or_none] = value
