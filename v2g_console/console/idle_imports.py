"""Everything the console may still draw, loaded while it is idle: an upgrade of the program on disk can't mix old and new parts then."""

import asyncio
import importlib
import pkgutil
from typing import Final

from v2g_console.console import screens, widgets

PAUSE_S: Final = 0.02
"""Between two modules, so that keys typed meanwhile are served."""


def names() -> list[str]:
    """The modules of all screens and widgets."""
    return [f"{package.__name__}.{one.name}" for package in (screens, widgets) for one in pkgutil.iter_modules(package.__path__)]


async def import_all() -> None:
    """Import them one by one."""
    for name in names():
        importlib.import_module(name)
        await asyncio.sleep(PAUSE_S)
