"""Users and groups of the operating system, as their databases say. Any of these may ask a directory server, and take its time."""

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Final

USERS: Final = Path("/etc/passwd")
GROUPS: Final = Path("/etc/group")


def user_name(uid: int) -> str:
    """The name of a user, `uid:1234` where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def own_user() -> str:
    """Who runs this process. Not `getpass.getuser`, which believes the environment."""
    return user_name(os.getuid())


def groups_of(user: str) -> frozenset[str]:
    """The names of the groups that `user` belongs to; none for a user who is not known. Raises OSError if the database can't be read."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return frozenset()
    names: set[str] = set()
    for gid in os.getgrouplist(user, account.pw_gid):
        try:
            names.add(grp.getgrgid(gid).gr_name)
        except KeyError:  # a group without a name can't be in the configuration
            continue
    return frozenset(names)


def local_ids(database: Path, names: frozenset[str]) -> dict[str, int]:
    """Numbers by name of `names`, from /etc/passwd or /etc/group itself: what stands there is known without any directory server."""
    try:
        lines = database.read_text("utf-8", "replace").splitlines()
    except OSError:  # a machine without local accounts: the directory has them all
        return {}
    cells = [line.split(":") for line in lines]
    return {cell[0]: int(cell[2]) for cell in cells if len(cell) > 2 and cell[0] in names and cell[2].isdecimal()}


def user_ids(names: frozenset[str]) -> dict[str, int]:
    """User ids by name; those that no account has are left out."""
    return _ids(names, lambda name: pwd.getpwnam(name).pw_uid)


def group_ids(names: frozenset[str]) -> dict[str, int]:
    """Group ids by name; those that no group has are left out."""
    return _ids(names, lambda name: grp.getgrnam(name).gr_gid)


def _ids(names: frozenset[str], number_of: Callable[[str], int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        try:
            found[name] = number_of(name)
        except KeyError:
            continue
    return found
