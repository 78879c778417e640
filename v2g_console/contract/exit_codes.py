"""How the program ends, as a number: part of its interface for scripts and supervisors."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command. Where several apply the highest wins, except that an interruption is always 130."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    """wrong arguments or configuration"""
    NO_LINK = 3
    """no link to the broker, or no engine to talk to"""
    UNDER_ACKNOWLEDGED = 4
    """acknowledged less than `dispatch.min_ack_share` of the requested power; of `stop --wait`: somebody is waited for or silent"""
    REFUSED = 5
    """the engine refused a request"""
    INTERRUPTED = 130
