"""What the configuration makes of who runs this command, for people."""

import asyncio

from v2g_console.config.os_users import own_user
from v2g_console.config.settings import AccessSettings
from v2g_console.contract.requests import Origin
from v2g_console.engine.access import Access
from v2g_console.engine.clock import SystemClock


def role_line(settings: AccessSettings) -> str:
    """The caller's role on an engine with these settings. Asks the operating system for groups, which takes seconds at most."""
    user = own_user()
    if not settings.roles:
        return "role: whoever starts the engine is supervisor, everybody else is viewer (no access.roles)"
    role = asyncio.run(_role(settings, user))
    return f"role: {user} is {role} (access.roles)"


async def _role(settings: AccessSettings, user: str) -> str:
    access = Access(settings, SystemClock(), owner="")
    try:
        return (await access.role_of(Origin(user=user, way="cli"))).value
    finally:
        await access.close()
