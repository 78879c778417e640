"""What can go wrong between a caller and an engine. All are ConnectionErrors, so that a caller who only wants "no engine" catches one."""

from pathlib import Path
from typing import Final

SAME_VERSION: Final = "use the same version on both sides, which after an upgrade means to restart the engine when no dispatch runs"
"""What to do about two contracts."""


class EngineGoneError(ConnectionError):
    """The engine ended, or its loop no longer runs."""


class EngineNotRunningError(ConnectionError):
    """Nobody listens on the socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"no engine is running at {path}: start one with `v2g-console run`, or name another socket with --socket")
        self.path = path


class EngineAlreadyRunningError(ConnectionError):
    """Another engine listens on the socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"an engine is already running at {path}: look at it with `v2g-console attach`, stop it, or give this one another socket.path"
        )
        self.path = path


class SocketPathError(ConnectionError):
    """The socket can't be made or used at this path; the message says why and what to do."""


class SocketDeniedError(ConnectionError):
    """The socket is there, but this user may not use it."""

    def __init__(self, path: Path, whose: str) -> None:
        super().__init__(f"not allowed to talk to the engine at {path}: {whose}")
        self.path = path


class ContractMismatchError(ConnectionError):
    """Engine and caller speak different versions of the contract, or the other end is no engine at all.

    `short`: the same for a line of a screen, with both versions and what to do.
    """

    def __init__(self, message: str, short: str = "") -> None:
        super().__init__(message)
        self.short = short or message
