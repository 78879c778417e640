"""Who may ask what: the one table of roles and requests, and the roles of people."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from v2g_console.config import os_users
from v2g_console.config.os_lookups import Lookups
from v2g_console.config.settings import AccessSettings
from v2g_console.contract.replies import IdentityView, Refusal
from v2g_console.contract.requests import Origin
from v2g_console.domain.roles import RANK, Role
from v2g_console.engine.clock import Clock
from v2g_console.engine.refusal import RefusalError

log = logging.getLogger(__name__)

_LOOK: Final = frozenset({"fleet", "forecast", "ecowatt", "status", "dispatch_detail", "identity", "tags", "stop_list"})
_READ_RECORD: Final = frozenset({"journal", "journal_entry", "handover"})
_OPERATE: Final = frozenset(
    {
        "plan",
        "arm",
        "operate",
        "dispatch",
        "update",
        "cancel",
        "retry",
        "stop",
        "ack_alarm",
        "shelve_alarm",
        "unshelve_alarm",
        "note",
        "lock",
        "unlock",
        "tag",
        "untag",
        "ecowatt_feed",
        "ecowatt_dismiss",
        "configuration",
    },
)
_SUPERVISE: Final = frozenset({"resume", "reset_trust", "approve", "reject"})

ALLOWED: Final[Mapping[Role, frozenset[str]]] = {
    Role.VIEWER: _LOOK,
    Role.AUDITOR: _LOOK | _READ_RECORD,
    Role.OPERATOR: _LOOK | _READ_RECORD | _OPERATE,
    Role.SUPERVISOR: _LOOK | _READ_RECORD | _OPERATE | _SUPERVISE,
}
"""Names (tags) of the requests that each role may make. What stands nowhere here is refused to everybody."""

AUTOMATIC: Final = "signal"
"""Way of requests that the engine's own signal sources make; the configuration put them there. They act as operators."""

GROUPS_S: Final = 60.0
"""How long the groups of a person are believed."""
LOOKUP_S: Final = 2.0
"""How long a request waits for a directory server; then the person's last known role holds, else he views."""
_AT_ONCE: Final = frozenset({"stop", "cancel"})
"""Requests for which the last known role suffices, or what the kernel says of the caller, so that no directory delays them."""
_KNOWN_MOST: Final = 1000


def needed_role(request: str) -> Role:
    """The least role that may make the request."""
    return min((role for role in Role if request in ALLOWED[role]), key=RANK.__getitem__, default=Role.SUPERVISOR)


def denied_to(role: Role) -> dict[str, str]:
    """What a role may not ask, with the least role that may."""
    return {request: needed_role(request).value for request in sorted(ALLOWED[Role.SUPERVISOR] - ALLOWED[role])}


@dataclass(frozen=True, slots=True)
class _Found:
    role: Role
    until: float  # monotonic


@dataclass(frozen=True, slots=True)
class _Looking:
    task: asyncio.Task[Role]
    until: float  # monotonic: nobody waits longer


class Access:
    """The roles of people: by name, else by the groups that the operating system says they are in.

    `owner` is who started the engine: supervisor where no roles are configured. `groups` may be slow or hang, so it runs in a thread.
    """

    def __init__(
        self, settings: AccessSettings, clock: Clock, owner: str, *, groups: Callable[[str], frozenset[str]] = os_users.groups_of
    ) -> None:
        self.owner = owner
        self._settings, self._clock, self._groups = settings, clock, groups
        self._role_of_user = {user: entry.role for entry in settings.roles for user in entry.users}
        self._role_of_group = {group: entry.role for entry in settings.roles for group in entry.groups}
        self._role_of_uid: dict[int, Role] = {}
        self._role_of_gid: dict[int, Role] = {}
        self._lookups = Lookups()
        self._found: dict[str, _Found] = {}
        self._looking: dict[str, _Looking] = {}

    def at_once(self, user: str) -> Role | None:
        """The role of `user` as far as it is known without asking anybody; None: his groups have to be looked up."""
        if not self._settings.roles:
            return Role.SUPERVISOR if user == self.owner else Role.VIEWER
        if user in self._role_of_user:
            return self._role_of_user[user]
        if not self._role_of_group:
            return Role.VIEWER
        found = self._found.get(user)
        return found.role if found is not None and self._clock.monotonic() < found.until else None

    def last_known(self, user: str) -> Role:
        """The role of `user`, also if his groups were looked up long ago; viewer if never."""
        known = self.at_once(user)
        if known is not None:
            return known
        found = self._found.get(user)
        return found.role if found is not None else Role.VIEWER

    async def role_of(self, origin: Origin) -> Role:
        """The role of who asks. Never raises: whoever can't be looked up keeps his last known role, else he views."""
        if origin.way == AUTOMATIC:
            return Role.OPERATOR
        known = self.at_once(origin.user)
        if known is not None:
            return known
        looking = self._begin_to_look(origin.user)
        # Several requests may wait for one look-up, and it goes on when none waits any more.
        await asyncio.wait({looking.task}, timeout=max(0.0, looking.until - self._clock.monotonic()))
        if not looking.task.done():
            log.warning("the groups of %s are not known after %g s: the last known role holds", origin.user, LOOKUP_S)
        return self.last_known(origin.user)

    async def identity(self, origin: Origin) -> IdentityView:
        """Who the engine takes the caller for."""
        role = await self.role_of(origin)
        return IdentityView(user=origin.user, role=role.value, may=tuple(sorted(ALLOWED[role])), denied=denied_to(role))

    async def check(self, request: str, origin: Origin) -> None:
        """Raises RefusalError if the role of who asks does not allow the request."""
        if request in _AT_ONCE and request in ALLOWED[self._without_asking(origin)]:
            if self.at_once(origin.user) is None:
                self._begin_to_look(origin.user)
            return
        role = await self.role_of(origin)
        if request in ALLOWED[role]:
            return
        needed = needed_role(request)
        raise RefusalError(
            Refusal.FORBIDDEN,
            f"{request} needs the role {needed.value}; {origin.user} is {role.value}",
            self._way_out(needed),
        )

    def _way_out(self, needed: Role) -> str:
        if self._settings.roles:
            return f"ask one who is {needed.value} or more, or see access.roles in the configuration of the engine"
        return f"without access.roles only {self.owner}, who started the engine, may act"

    def _without_asking(self, origin: Origin) -> Role:
        """The highest role that is known of the caller while no directory answers.

        Numbers of users and groups are what the kernel gave his process at its login. What a directory said within the last minute counts
        more than the groups: he may have left one since.
        """
        credentials = origin.credentials
        if credentials is None:
            return self.last_known(origin.user)
        own = self._role_of_uid.get(credentials.uid)
        if own is not None or self.at_once(origin.user) is not None:
            return own if own is not None else self.last_known(origin.user)
        by_groups = [self._role_of_gid[gid] for gid in credentials.gids if gid in self._role_of_gid]
        return max((self.last_known(origin.user), *by_groups), key=RANK.__getitem__)

    async def get_ready(self) -> None:
        """Look up the users and groups in the configuration, warn of names that no account has, and look up who started the engine.

        The numbers of local ones are known at once; those of a directory when it answers.
        """
        users, groups = frozenset(self._role_of_user), frozenset(self._role_of_group)
        owners = frozenset() if self._settings.roles else frozenset({self.owner})
        self._learn(os_users.local_ids(os_users.USERS, users | owners), os_users.local_ids(os_users.GROUPS, groups))
        try:
            uids, gids = await self._lookups.run(lambda: (os_users.user_ids(users | owners), os_users.group_ids(groups)))
        except OSError as error:
            log.warning("access.roles could not be checked against this machine's users: %s", error)
        else:
            self._learn(uids, gids)
            for kind, missing in (("user", users - uids.keys()), ("group", groups - gids.keys())):
                for name in sorted(missing):
                    log.warning("access.roles: this machine knows no %s %s", kind, name)
        await self.role_of(Origin(user=self.owner, way="console"))

    def _learn(self, uids: Mapping[str, int], gids: Mapping[str, int]) -> None:
        for name, uid in uids.items():
            self._role_of_uid[uid] = self._role_of_user.get(name, Role.SUPERVISOR)  # without roles it is who started the engine
        for name, gid in gids.items():
            self._role_of_gid[gid] = max(self._role_of_group[name], self._role_of_gid.get(gid, Role.VIEWER), key=RANK.__getitem__)

    async def close(self) -> None:
        """Forget look-ups under way."""
        tasks = [looking.task for looking in self._looking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin_to_look(self, user: str) -> _Looking:
        """The look-up of a person's groups that is under way, else a new one."""
        looking = self._looking.get(user)
        if looking is None:
            looking = _Looking(asyncio.create_task(self._look_up(user)), self._clock.monotonic() + LOOKUP_S)
            self._looking[user] = looking
        return looking

    async def _look_up(self, user: str) -> Role:
        try:
            groups = await self._lookups.run(lambda: self._groups(user))
        except OSError as error:
            log.warning("the groups of %s can't be read, the last known role holds: %s", user, error)
            groups = None
        finally:
            self._looking.pop(user, None)
        role = (
            self.last_known(user)
            if groups is None
            else max(
                (self._role_of_group[name] for name in groups if name in self._role_of_group), key=RANK.__getitem__, default=Role.VIEWER
            )
        )
        self._found.pop(user, None)
        self._found[user] = _Found(role, self._clock.monotonic() + GROUPS_S)
        while len(self._found) > _KNOWN_MOST:
            del self._found[next(iter(self._found))]
        return role
