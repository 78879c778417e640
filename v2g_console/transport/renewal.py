"""When to connect again because certificate, key, CA or password files have changed: not before they can be used, and at a quiet moment."""

import asyncio
from collections.abc import Callable

from v2g_console.transport.keeper import CredentialKeeper
from v2g_console.transport.publisher import Publisher

LOOK_S = 2.0
"""between looks at the files"""
QUIET_S = 1.0
"""nothing was sent for so long: who had to acknowledge has done so"""
NO_LATER_S = 30.0
"""a link that is never quiet is renewed all the same; the engine sends again what nobody acknowledged"""
_POLL_S = 0.05


async def renewal_due(keeper: CredentialKeeper, publisher: Publisher, monotonic: Callable[[], float], look_s: float) -> None:
    """Returns when the link should be given up for new credentials; never without files to watch. `look_s` between looks."""
    if not keeper.watched:
        await asyncio.get_running_loop().create_future()
    while True:
        if await keeper.changed():
            break
        await asyncio.sleep(look_s)
    asked_at = quiet_since = monotonic()
    sent = -1
    while (now := monotonic()) - quiet_since < QUIET_S and now - asked_at < NO_LATER_S:
        if publisher.counts.sent != sent or not publisher.idle:
            sent, quiet_since = publisher.counts.sent, now
        await asyncio.sleep(_POLL_S)
