"""Marked vehicles in words."""

from typing import Final

from textual.content import Content

from v2g_console.console.safe_text import line, safe_text
from v2g_console.domain.units import counted, grouped

_NAMED: Final = 6


def marked_line(ids: tuple[str, ...]) -> Content:
    """`12 marked vehicles: veh1, veh2, ... and 6 more`."""
    named = ", ".join(safe_text(one, 24) for one in ids[:_NAMED])
    more = f" and {grouped(len(ids) - _NAMED)} more" if len(ids) > _NAMED else ""
    return line((counted(len(ids), "marked vehicle", "marked vehicles"), "bold"), f": {named}{more}")
