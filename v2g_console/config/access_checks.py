"""Rules for roles and the four-eyes limit."""

from collections.abc import Iterator, Sequence
from typing import Final

from v2g_console.config.finding import Finding
from v2g_console.config.settings import AccessSettings, DispatchSettings, RoleSettings
from v2g_console.config.values import shown
from v2g_console.domain.roles import Role

_LONGEST_NAME: Final = 256  # LOGIN_NAME_MAX of Linux
_FOUR_EYES: Final = ("four_eyes_above_kw", "approval_timeout_s")


def access_contradictions(access: AccessSettings) -> Iterator[Finding]:
    """Names that can't be used or stand twice, and roles that would leave nobody to act."""
    yield from _entries(access.roles)
    if not access.roles:
        for name in _FOUR_EYES:
            if getattr(access, name) != AccessSettings.model_fields[name].default:
                yield Finding(
                    f"access.{name}",
                    "needs access.roles: without them one person starts the engine and is everything, so nobody else could approve",
                    ("access.roles",),
                )
        return
    if not any(entry.role is Role.SUPERVISOR and (entry.users or entry.groups) for entry in access.roles):
        yield Finding(
            "access.roles[0].role",
            "expected at least one supervisor in access.roles, got none: nobody could resume after STOP",
            ("access.roles[].role",),
        )


def access_doubts(access: AccessSettings, dispatch: DispatchSettings) -> Iterator[Finding]:
    """Entries for nobody, and limits that never matter or that only some can pass."""
    for number, entry in enumerate(access.roles):
        if not entry.users and not entry.groups:
            yield Finding(f"access.roles[{number}]", "names neither users nor groups, so it is for nobody")
    limit_kw, most_kw = access.four_eyes_above_kw, dispatch.max_power_kw
    if 0 < most_kw <= limit_kw:
        yield Finding(
            "access.four_eyes_above_kw", f"never asked: dispatch.max_power_kw refuses above {most_kw:g} kW", ("dispatch.max_power_kw",)
        )
    supervisors = [entry for entry in access.roles if entry.role is Role.SUPERVISOR]
    alone = [user for entry in supervisors for user in entry.users]
    if limit_kw and len(alone) == 1 and not any(entry.groups for entry in supervisors):
        yield Finding(
            "access.four_eyes_above_kw",
            f"{alone[0]} is the only supervisor: what {alone[0]} asks above {limit_kw:g} kW nobody can approve",
            ("access.roles",),
        )


def _entries(roles: Sequence[RoleSettings]) -> Iterator[Finding]:
    for kind in ("users", "groups"):
        first: dict[str, int] = {}
        for number, entry in enumerate(roles):
            key = f"access.roles[{number}].{kind}"
            for name in getattr(entry, kind):
                if not _is_name(name):
                    yield Finding(key, f"expected names of {kind} as the operating system has them, got {shown(name)}")
                elif name in first:
                    taken = f"access.roles[{first[name]}].{kind}"
                    yield Finding(key, f"{shown(name)} is listed twice: {kind[:-1]} and role go together once", (taken,))
                first.setdefault(name, number)


def _is_name(name: str) -> bool:
    """Nothing that no account could be called. Directory servers allow blanks and backslashes inside (`DOMAIN\\ana`)."""
    if name.startswith("uid:"):
        return name[4:].isascii() and name[4:].isdecimal()  # how a user without a name is called here
    return bool(name) and name == name.strip() and len(name) <= _LONGEST_NAME and name.isprintable() and not set(name) & set(":/")
