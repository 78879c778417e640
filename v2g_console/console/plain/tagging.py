"""Tags: hung up and taken down, after a look whether what they name is there."""

from difflib import get_close_matches
from typing import Final

from v2g_console.console.plain.console import PlainConsole, UsageError
from v2g_console.console.plain.looking import picture, vehicle_of
from v2g_console.contract.configuration import ConfigurationView
from v2g_console.contract.requests import Configuration, Tag, Untag
from v2g_console.contract.tags import TagDone, TagKind, TagScope, inhibited_text

_MOST_NAMED: Final = 8


async def tag(console: PlainConsole, words: list[str]) -> None:
    """Hang up a tag, or list them."""
    if not words:
        tags = picture(console).tags
        console.say(*(f"{one.words}." for one in tags) if tags else ["No tag."])
        return
    if console.blocked_writing("vehicle.tag"):
        return
    kind, scope, name, note = _tag(words)
    if not await _is_known(console, scope, name):
        return
    told = [f"{kind.value} on {'the whole fleet' if scope is TagScope.FLEET else f'{scope.value} {name}'}: {note}."]
    if kind is TagKind.INHIBIT:
        told.append("Vehicles in use leave their dispatch and are released at once.")
    if not await console.confirmed(*told, "Hang up the tag?"):
        return
    reply = await console.ask_engine(Tag(kind=kind, scope=scope, name=name, note=note))
    if reply is not None and isinstance(reply.result, TagDone):
        lost = inhibited_text(reply.result)
        console.say(f"Tagged: {reply.result.tag.words}{f'; {lost}' if lost else ''}.")


async def untag(console: PlainConsole, words: list[str]) -> None:
    """Take a tag down."""
    if len(words) < 2:
        raise UsageError("Say which tag and why.")
    if console.blocked_writing("vehicle.untag"):
        return
    found = next((one for one in picture(console).tags if one.tag_id == words[0]), None)
    if found is None:
        raise UsageError(f"There is no tag {words[0][:40]}.")
    yes = await console.confirmed(f"{found.words}.", "Take it down?")
    if yes and await console.ask_engine(Untag(tag_id=found.tag_id, note=" ".join(words[1:]))) is not None:
        console.say(f"Taken down: {found.words}.")


def _tag(words: list[str]) -> tuple[TagKind, TagScope, str, str]:
    try:
        kind, scope = TagKind(words[0].upper()), TagScope(words[1].lower())
    except (ValueError, IndexError):
        raise UsageError("Say caution or inhibit, then vehicle, site or fleet.") from None
    rest = words[2:]
    name = "" if scope is TagScope.FLEET or not rest else rest.pop(0)
    if not rest:
        raise UsageError("Say why: a tag has a note.")
    return kind, scope, name, " ".join(rest)


async def _is_known(console: PlainConsole, scope: TagScope, name: str) -> bool:
    """False, after the engine has said why not, for a vehicle that is not there. Raises UsageError for such a site.

    A node of the grid may have a tag before any vehicle has told it as its site.
    """
    if scope is TagScope.VEHICLE:
        return await vehicle_of(console, [name]) is not None
    sites = picture(console).fleet.sites
    if scope is TagScope.FLEET or name in sites:
        return True
    reply = await console.ask_engine(Configuration())
    rows = reply.result.rows if reply is not None and isinstance(reply.result, ConfigurationView) else ()
    nodes = [row.value for row in rows if row.key.startswith("grid.nodes[") and row.key.endswith("].name")]
    if name in nodes:
        return True
    known = sorted({*sites, *nodes})
    near = get_close_matches(name[:64], known, 1)
    listed = f"there are {', '.join(known[:_MOST_NAMED]) or 'none yet'}{', ...' if len(known) > _MOST_NAMED else ''}."
    raise UsageError(f"There is no site {name[:64]}: {f'did you mean {near[0]}?' if near else listed}")
