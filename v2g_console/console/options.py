"""How the console is started and how it ends. Loads neither textual nor rich."""

from dataclasses import dataclass
from enum import Enum

from v2g_console.config.settings import ConsoleSettings


class ConsoleExit(Enum):
    """What the operator, or the world, wants after the screen is gone."""

    QUIT_RELEASE = "release everything and end"
    QUIT_KEEP_RUNNING = "go on without a screen"
    ENDED = "the screen ended without a decision: the policy of the configuration applies"


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """`refresh_hz`: snapshots a second. `demo`: on leaving, say what ran and how to do the same without a screen; then `leave_message`."""

    theme: str = "grey-dark"
    refresh_hz: float = 2.0
    low_bandwidth: bool = False
    ascii: bool = False
    demo: bool = False
    leave_message: str = ""

    @classmethod
    def from_settings(cls, settings: ConsoleSettings, demo: bool = False, leave_message: str = "") -> "ConsoleOptions":
        """The options that a configuration asks for; a low bandwidth never refreshes more than once a second."""
        return cls(
            theme=settings.theme,
            refresh_hz=min(1.0, settings.refresh_hz) if settings.low_bandwidth else settings.refresh_hz,
            low_bandwidth=settings.low_bandwidth,
            ascii=settings.ascii,
            demo=demo,
            leave_message=leave_message,
        )
