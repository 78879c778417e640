"""Who may do what: section `access`."""

from typing import Annotated

from pydantic import Field

from v2g_console.config.section import OR_EMPTY, NonNegative, Section
from v2g_console.domain.roles import Role


class RoleSettings(Section):
    """Who has a role: users and groups of the operating system."""

    role: Role
    """viewer (looks), auditor (looks, reads the record), operator (dispatches) or supervisor (also approves, and resumes after STOP)"""
    users: tuple[str, ...] = ()
    """names of users; what is written for a user counts more than his groups"""
    groups: tuple[str, ...] = ()
    """names of groups; who is in several gets the highest role"""


class AccessSettings(Section):
    """Who may do what. The operating system says who somebody is, also at the socket."""

    roles: Annotated[tuple[RoleSettings, ...], OR_EMPTY] = ()
    """who is not named views; without any entry who started the engine is supervisor"""
    four_eyes_above_kw: NonNegative = 0.0
    """a dispatch or update above this waits for another supervisor; 0: never"""
    approval_timeout_s: Annotated[float, Field(ge=10.0, le=86_400.0)] = 300.0
    """a request that waits for approval lapses after this"""
    lock_after_s: NonNegative = 0.0
    """a console nobody touches for this long becomes view-only until it is unlocked; 0: never"""
