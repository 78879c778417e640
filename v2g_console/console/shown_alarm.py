"""Which alarm the banner shows, and since when: a key that answers it must never answer one that came in its place a moment before."""

from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from v2g_console.console.deliberate import Deliberate

SETTLED_S: Final = 0.7
"""How long an alarm must have been on screen before a key can be meant for it: reading and pressing takes longer."""


class ShownAlarm:
    """What the banner on screen shows. `site` tells alarms of several engines apart."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._key = Deliberate(SETTLED_S, monotonic_s)
        self._shown: tuple[str, str] | None = None

    def show(self, site: str, alarm_id: str | None) -> None:
        """The banner was drawn with this alarm; None: with none."""
        now = None if alarm_id is None else (site, alarm_id)
        if now != self._shown:
            self._shown = now
            self._key.shown()

    def meant(self, site: str, alarm_id: str) -> bool:
        """The key was pressed: True if it can only be meant for this alarm."""
        return self._shown == (site, alarm_id) and self._key.decided()


@runtime_checkable
class ShowsAlarm(Protocol):
    """An app that keeps note of what its banner shows."""

    shown_alarm: ShownAlarm
