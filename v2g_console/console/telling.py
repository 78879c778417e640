"""What was just said to the operator and is still on screen: for how long, and what comes first. Knows no widget."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from v2g_console.console.options import Severity

CALM_S: Final = 4.0
LONG_S: Final = 8.0
_WEIGHT: Final[dict[Severity, int]] = {"information": 0, "warning": 1, "error": 2}


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that was said; on screen until `ends_s` (monotonic)."""

    text: str
    severity: Severity
    ends_s: float

    @property
    def weight(self) -> int:
        """0 for good news, more for worse."""
        return _WEIGHT[self.severity]


class Telling:
    """What is on screen. Good news ends sooner; said again, a text is on screen anew and not twice."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._notices: list[Notice] = []

    def tell(self, text: str, severity: Severity) -> float:
        """Take up a text; returns for how long it is on screen, in s."""
        lasts_s = CALM_S if severity == "information" else LONG_S
        self._notices = [one for one in self._notices if one.text != text]
        self._notices.append(Notice(text, severity, self._monotonic_s() + lasts_s))
        return lasts_s

    def live(self) -> tuple[Notice, ...]:
        """What belongs on screen now: the newest, the answer to the last key, first; then what went wrong, then the others."""
        now_s = self._monotonic_s()
        self._notices = [one for one in self._notices if one.ends_s > now_s]
        earlier = sorted(self._notices[:-1], key=lambda one: -_WEIGHT[one.severity])
        return (*self._notices[-1:], *earlier)

    def take_back(self, start: str) -> None:
        """What begins so is no longer true."""
        self._notices = [one for one in self._notices if not one.text.startswith(start)]

    def clear(self) -> None:
        """The operator has read it."""
        self._notices.clear()
