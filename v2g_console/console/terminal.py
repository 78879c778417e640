"""What Textual must know before it is imported: it reads its environment once, at import. This file imports nothing of it.

A value that the user set is kept, except `NO_COLOR=""`, which by its own convention means nothing but which Textual takes for a yes.
"""

import os
import sys


class TextualLoadedError(RuntimeError):
    """`prepare` came too late: Textual was imported before."""


def prepare(low_bandwidth: bool, ascii_only: bool, no_color: bool) -> None:
    """Set the environment for Textual. Raises TextualLoadedError if Textual is loaded already.

    `low_bandwidth`: fewer frames, 16 colours. `ascii_only`: 16 colours too. `no_color`: as with NO_COLOR=1.
    """
    if "textual" in sys.modules:
        raise TextualLoadedError("terminal.prepare must run before textual is imported")
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    os.environ.setdefault("TEXTUAL_FPS", "5" if low_bandwidth else "60")
    os.environ.setdefault("ESCDELAY", "100" if low_bandwidth else "50")
    if low_bandwidth or ascii_only:
        os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "standard")
    if no_color or os.environ.get("TERM") == "dumb":
        os.environ["NO_COLOR"] = "1"
    elif not os.environ.get("NO_COLOR"):
        os.environ.pop("NO_COLOR", None)


def wants_no_color() -> bool:
    """True if the environment asks for no colours; must be asked before an App is made, which removes NO_COLOR."""
    return bool(os.environ.get("NO_COLOR"))
