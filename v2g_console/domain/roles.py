"""Who may be trusted with what, in four words. What each role may ask is the engine's table (`engine.access`)."""

from enum import StrEnum


class Role(StrEnum):
    """What a person is to this control point."""

    VIEWER = "viewer"  # looks
    AUDITOR = "auditor"  # looks, and reads the record
    OPERATOR = "operator"  # dispatches
    SUPERVISOR = "supervisor"  # dispatches, approves, resumes after STOP


RANK: dict[Role, int] = {role: rank for rank, role in enumerate(Role)}
"""Of several roles that a person's groups give, the one with the highest rank holds."""
