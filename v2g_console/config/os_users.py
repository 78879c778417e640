"""Users and groups of the operating system, as their databases say. Any of these may ask a directory server, and take its time."""

import grp
import os
import pwd


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


def unknown_users(names: frozenset[str]) -> frozenset[str]:
    """Those that no account has."""
    return frozenset(name for name in names if not _known_user(name))


def unknown_groups(names: frozenset[str]) -> frozenset[str]:
    """Those that no group has."""
    return frozenset(name for name in names if not _known_group(name))


def _known_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _known_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
