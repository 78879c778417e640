"""Requests about tags: hung up with an author and a note, taken down by who may, journalled; what they do to dispatches under way."""

import secrets

from v2g_console.contract import requests as ask
from v2g_console.contract.events import TagAdded, TagRemoved
from v2g_console.contract.replies import Refusal
from v2g_console.contract.tags import LONGEST_NOTE_CHARS, MOST_TAGS, TagDone, TagKind, TagScope, TagView
from v2g_console.domain.ids import is_vehicle_id
from v2g_console.domain.roles import RANK, Role
from v2g_console.domain.text import visible
from v2g_console.engine.access import Access
from v2g_console.engine.core import Core
from v2g_console.engine.inhibit import Inhibitor
from v2g_console.engine.refusal import RefusalError

_LONGEST_NAME_CHARS = 64


class Tagging:
    """Hangs tags up and takes them down. Methods raise RefusalError."""

    def __init__(self, core: Core, inhibitor: Inhibitor, access: Access) -> None:
        self._core, self._inhibitor, self._access = core, inhibitor, access

    def hang(self, request: ask.Tag, origin: ask.Origin) -> TagDone:
        """Put a tag up. An INHIBIT takes what it concerns out of running dispatches before this returns."""
        core = self._core
        note = _note(request.note)
        self._check_target(request)
        if len(core.tags) >= MOST_TAGS:
            raise RefusalError(Refusal.LIMIT, f"there are {MOST_TAGS} tags already", "take down those that are done with: `tag ls`")
        tag = TagView(
            tag_id=self._new_id(),
            kind=request.kind,
            scope=request.scope,
            name=request.name,
            note=note,
            by=visible(origin.user[:_LONGEST_NAME_CHARS])[:_LONGEST_NAME_CHARS],
            at_ms=core.utc_ms(),
        )
        core.tags.hang(tag)
        core.fleet.revision += 1
        inhibited = self._inhibitor.take_out() if tag.kind is TagKind.INHIBIT else ()
        released = sum(one.vehicles for one in inhibited)
        core.emit(TagAdded(ts=core.ts(), placed=tag, way=origin.way, released=released))
        return TagDone(tag=tag, inhibited=inhibited, gap_closed=core.settings.dispatch.reallocation != "none")

    async def take_down(self, request: ask.Untag, origin: ask.Origin) -> TagDone:
        """Remove a tag. Somebody else's INHIBIT takes a supervisor."""
        core, note = self._core, _note(request.note)
        tag = core.tags.get(request.tag_id)
        if tag is None:
            known = ", ".join(one.tag_id for one in core.tags.views()[:8]) or "there is none"
            raise RefusalError(Refusal.UNKNOWN_TAG, f"no tag {visible(request.tag_id[:40])!r}", f"known: {known}")
        role = await self._access.role_of(origin)
        if tag.kind is TagKind.INHIBIT and tag.by != origin.user and RANK[role] < RANK[Role.SUPERVISOR]:
            raise RefusalError(
                Refusal.FORBIDDEN,
                f"this INHIBIT is {tag.by}'s, and {origin.user} is {role.value}",
                f"ask {tag.by} or a supervisor to take it down",
            )
        if core.tags.get(tag.tag_id) is None:
            raise RefusalError(Refusal.UNKNOWN_TAG, f"tag {tag.tag_id} was taken down meanwhile")
        core.tags.take_down(tag.tag_id)
        core.fleet.revision += 1
        core.emit(TagRemoved(ts=core.ts(), placed=tag, by=origin.user, way=origin.way, note=note))
        return TagDone(tag=tag)

    def _new_id(self) -> str:
        while True:
            tag_id = f"t{secrets.token_hex(2)}"
            if self._core.tags.get(tag_id) is None:
                return tag_id

    def _check_target(self, request: ask.Tag) -> None:
        """A tag on a misspelt name would protect nobody. Raises RefusalError."""
        fleet, grid = self._core.fleet, self._core.grid
        name = visible(request.name[:_LONGEST_NAME_CHARS])
        if request.scope is TagScope.FLEET:
            if request.name:
                raise RefusalError(Refusal.INVALID, "a tag on the whole fleet has no name", "leave `name` empty")
            return
        if not is_vehicle_id(request.name):
            raise RefusalError(Refusal.INVALID, f"{name!r} is no name of a {request.scope.value}", "1 to 64 letters, digits and . _ : -")
        if request.scope is TagScope.VEHICLE and request.name not in fleet.row_of:
            raise RefusalError(Refusal.UNKNOWN_VEHICLE, f"no vehicle {name!r} in the fleet", "`fleet ls` lists them")
        configured = {node.name for node in self._core.settings.grid.nodes} if grid is not None else set()
        if request.scope is TagScope.SITE and request.name not in fleet.sites.index and request.name not in configured:
            known = ", ".join(fleet.sites.names[:8]) or "none yet"
            raise RefusalError(Refusal.INVALID, f"no site {name!r}", f"known: {known}{', ...' if len(fleet.sites.names) > 8 else ''}")


def _note(text: str) -> str:
    """The note on one line, escaped, or RefusalError."""
    stripped = text.strip()
    if not stripped:
        raise RefusalError(Refusal.INVALID, "a note is needed", "say why, so that whoever reads it later knows")
    if len(stripped) > LONGEST_NOTE_CHARS:
        raise RefusalError(Refusal.INVALID, f"the note has {len(stripped)} characters; at most {LONGEST_NOTE_CHARS} are kept")
    return visible(stripped)[:LONGEST_NOTE_CHARS]
