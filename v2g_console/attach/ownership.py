"""Whose a socket is that this user may not use, and what would let him in."""

import grp
import os
import stat
from pathlib import Path
from typing import Final

from v2g_console.config.os_users import own_user, user_name

GROUP_NAME: Final = "v2g-console"
"""The group of the people of an installed engine; any other group has other purposes, and nobody should join it for this."""


def whose(path: Path) -> str:
    """Who may use the socket `path`, or look into the folder that is in the way, and what to do.

    Asks the operating system for names, which takes seconds at most.
    """
    try:
        closed = next((folder for folder in reversed(path.absolute().parents) if not os.access(folder, os.X_OK)), None)
        status = (path if closed is None else closed).stat()
    except OSError:
        return "the socket is for its owner and the members of its group"
    what, needed = ("the socket", stat.S_IWGRP) if closed is None else (f"the folder {closed}", stat.S_IXGRP)
    owner = user_name(status.st_uid)
    if not status.st_mode & needed:
        return f"{what} is for {owner} alone: ask as {owner}, or have the engine run as a service with a socket for a group"
    group, members = _group(status.st_gid)
    shared = f"{what} is for {owner} and the members of the group {group}"
    user = own_user()
    if user in members:
        return f"{shared}; {user} is one, but was not yet when signing in: sign in anew"
    if group != GROUP_NAME:
        return f"{shared}: ask as one of them"
    return f"{shared}: become one (as root: usermod -aG {group} {user}) and sign in anew"


def _group(gid: int) -> tuple[str, list[str]]:
    """Name and members of a group; its number where it has no name."""
    try:
        found = grp.getgrgid(gid)
    except KeyError:
        return f"gid:{gid}", []
    return found.gr_name, found.gr_mem
