"""How the console is started and how it ends. Loads neither textual nor rich."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from v2g_console.attach.recorder import RecordingNews
from v2g_console.config.settings import ConsoleSettings
from v2g_console.console.keys import NamedKeys, named_keys

Severity = Literal["information", "warning", "error"]
"""How serious it is what the console says."""


class ConsoleExit(Enum):
    """What the operator, or the world, wants after the screen is gone."""

    QUIT_RELEASE = "release everything and end"
    QUIT_KEEP_RUNNING = "go on without a screen"
    DETACHED = "leave the engine, which is another process, as it is"
    ENDED = "the screen ended without a decision: the policy of the configuration applies"


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """`refresh_hz`: snapshots a second. `demo`: on leaving, say what ran and how to do the same without a screen; then `leave_message`.

    `attached`: the socket of an engine that is another process, "" for an engine of our own; leaving changes nothing there.
    `recording`: what this console shows is being recorded. `send_delay_s`: how long what was sent can be called back.
    """

    theme: str = "grey-dark"
    refresh_hz: float = 2.0
    low_bandwidth: bool = False
    ascii: bool = False
    demo: bool = False
    leave_message: str = ""
    attached: str = ""
    recording: RecordingNews | None = None
    send_delay_s: float = 0.0
    keys: NamedKeys = field(default_factory=dict)
    keys_wrong: tuple[str, ...] = ()

    @classmethod
    def from_settings(cls, settings: ConsoleSettings, demo: bool = False, leave_message: str = "") -> "ConsoleOptions":
        """The options that a configuration asks for; a low bandwidth never refreshes more than once a second.

        Keys that can't be used leave all actions with their built-in ones, and the console says so.
        """
        from v2g_console.console.keys_checks import key_findings

        wrong = key_findings(settings.keys)
        return cls(
            theme=settings.theme,
            refresh_hz=min(1.0, settings.refresh_hz) if settings.low_bandwidth else settings.refresh_hz,
            low_bandwidth=settings.low_bandwidth,
            ascii=settings.ascii,
            demo=demo,
            leave_message=leave_message,
            send_delay_s=settings.send_delay_s,
            keys={} if wrong else named_keys(settings.keys),
            keys_wrong=tuple(one.message for one in wrong),
        )
