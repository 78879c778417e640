"""The lock of a console that nobody touches: view-only until somebody takes it back into use. Pure but for the clock passed in."""

from collections.abc import Callable
from typing import Final

from v2g_console.contract.replies import Refusal, Refused
from v2g_console.contract.requests import LOOKS_ONLY, Lock, Request, Stop, Unlock
from v2g_console.contract.snapshot import EngineInfo

LOCKED_TEXT: Final = "this console is view-only since nobody touched it: unlock it first"


class ViewLock:
    """Touching delays the lock and never opens it. STOP goes through a locked console."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self.locked = False
        self._monotonic_s = monotonic_s
        self._touched_at_s = monotonic_s()

    @property
    def idle_s(self) -> float:
        """How long nobody has touched the console."""
        return max(0.0, self._monotonic_s() - self._touched_at_s)

    def touch(self) -> None:
        """Somebody used keyboard or mouse."""
        self._touched_at_s = self._monotonic_s()

    def due(self, engine: EngineInfo) -> bool:
        """True if the console should lock now. Who may not act anyway has nothing to lock."""
        guards = 0 < engine.lock_after_s <= self.idle_s
        return guards and not self.locked and not engine.read_only and "unlock" not in engine.denied

    def open(self) -> None:
        """Somebody took the console back into use, and the engine wrote it down."""
        self.locked = False
        self.touch()

    def refuses(self, request: Request) -> Refused | None:
        """Why a request does not leave this console now, or None: the last line, whatever dialog was left open."""
        if not self.locked or isinstance(request, (*LOOKS_ONLY, Stop, Lock, Unlock)):
            return None
        return Refused(request=str(request.__struct_config__.tag), reason=Refusal.READ_ONLY, message=LOCKED_TEXT)
