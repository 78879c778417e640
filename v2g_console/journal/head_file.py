"""The signed-off head: number and hash of the last entry in a small file beside the journal, so that an older copy of it shows.

Whoever may write the journal may write this file too. What can't be forged is a head kept elsewhere: `journal verify` prints it, the log
names it at start and end, and every exported line carries its hash.
"""

import os
from pathlib import Path

from v2g_console.journal.chain import Head, parse_head


def head_path(journal: Path) -> Path:
    """`journal.db.head` for `journal.db`."""
    return journal.with_name(journal.name + ".head")


def write_head(journal: Path, head: Head) -> None:
    """Replace the file in one step. Raises OSError."""
    path = head_path(journal)
    partial = path.with_name(path.name + ".part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{head}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(path)


def read_head(journal: Path) -> Head | None:
    """The head that was signed off last; None if there is no such file. Raises OSError or ValueError."""
    try:
        return parse_head(head_path(journal).read_text("utf-8"))
    except FileNotFoundError:
        return None
