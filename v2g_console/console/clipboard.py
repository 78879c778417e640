"""Copying to the clipboard of the operator's terminal (OSC 52): only on request, bounded, and not where it can't work."""

import os
from typing import Final

from v2g_console.console.safe_text import safe_text

LARGEST_COPY_BYTES: Final = 50_000
"""Terminals take some 75 000 bytes of it in base64; what is larger they drop without a word."""
_WITHOUT_CLIPBOARD: Final = ("linux", "dumb", "vt100", "vt102", "vt220", "ansi", "cons25")


class CopyError(ValueError):
    """Nothing was copied; the message says why and what to do instead."""


def copy_text(rows: list[str]) -> str:
    """The rows as one text, made harmless for whatever it is pasted into. Raises CopyError."""
    if os.environ.get("TERM", "") in ("", *_WITHOUT_CLIPBOARD):
        raise CopyError("this terminal takes no copies: x writes a file instead")
    text = "\n".join("\t".join(safe_text(cell, None) for cell in row.split("\t")) for row in rows)
    if len(text.encode()) > LARGEST_COPY_BYTES:
        raise CopyError(f"{len(rows)} rows are more than a terminal takes ({LARGEST_COPY_BYTES} bytes): take fewer, or write a file with x")
    return text
