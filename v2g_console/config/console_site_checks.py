"""Rules for the sites that one console shows together: names that can be told apart, one engine each."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from v2g_console.config.finding import Finding
from v2g_console.config.settings import ConsoleSiteSettings
from v2g_console.config.values import shown
from v2g_console.domain.text import visible

MOST_SITES: Final = 32
LONGEST_NAME: Final = 40
_LONGEST_SOCKET_BYTES: Final = 107  # sun_path of Linux less its final zero


def console_site_contradictions(sites: Sequence[ConsoleSiteSettings]) -> Iterator[Finding]:
    """Names and sockets that can't be used, or that stand twice."""
    if len(sites) > MOST_SITES:
        yield Finding("console.sites", f"expected at most {MOST_SITES} sites, got {len(sites)}")
    for number, site in enumerate(sites):
        place, earlier = f"console.sites[{number}]", sites[:number]
        problem = name_problem(site.name)
        if problem:
            yield Finding(f"{place}.name", problem)
        elif any(one.name.casefold() == site.name.casefold() for one in earlier):
            yield Finding(f"{place}.name", f"{shown(site.name)} stands twice: give each site a name of its own", ("console.sites[].name",))
        if problem := socket_problem(site.socket):
            yield Finding(f"{place}.socket", problem)
        elif any(one.socket == site.socket for one in earlier):
            yield Finding(f"{place}.socket", f"{site.socket} stands twice: one engine is one site", ("console.sites[].socket",))


def name_problem(name: str) -> str:
    """Why a site can't be called so, "" if it can."""
    if not name.strip() or len(name) > LONGEST_NAME:
        return f"expected a name of 1 to {LONGEST_NAME} characters, got {shown(name)}"
    if visible(name) != name or name != name.strip():
        return f"expected a name without invisible characters and without spaces around it, got {shown(name)}"
    return f"expected a name without =, got {shown(name)}" if "=" in name else ""


def socket_problem(path: Path) -> str:
    """Why no engine can listen there, "" if one can."""
    if not path.is_absolute():  # what stands in for a path that is missing
        return "expected the path of an engine's socket"
    length = len(os.fsencode(path))
    return f"expected a path of at most {_LONGEST_SOCKET_BYTES} bytes, got {length}" if length > _LONGEST_SOCKET_BYTES else ""
