"""Tags for people."""

from datetime import UTC, datetime

from v2g_console.cli.plain_text import columns
from v2g_console.contract.replies import Accepted
from v2g_console.contract.tags import TagDone, TagsView, TagView, inhibited_text
from v2g_console.domain.text import visible

_HEADING = ("TAG", "KIND", "ON", "BY", "SINCE", "NOTE")


def hung_lines(reply: Accepted) -> list[str]:
    """What was hung up, and what it did to running dispatches."""
    if not isinstance(reply.result, TagDone):
        return ["tagged"]
    done = reply.result
    return [visible(done.tag.words), *filter(None, [inhibited_text(done), _durability(done)])]


def removed_lines(reply: Accepted) -> list[str]:
    """What was taken down."""
    if not isinstance(reply.result, TagDone):
        return ["taken down"]
    return [f"taken down: {visible(reply.result.tag.words)}", *filter(None, [_durability(reply.result)])]


def tag_table(reply: Accepted) -> list[str]:
    """A line a tag."""
    if not isinstance(reply.result, TagsView):
        return ["the engine sent no tags"]
    if not reply.result.tags:
        return ["no tag"]
    return columns([_HEADING, *map(_row, reply.result.tags)])


def _row(tag: TagView) -> tuple[str, ...]:
    return (tag.tag_id, tag.kind.value, f"{tag.scope.value} {tag.name}".strip(), tag.by, _moment(tag.at_ms), tag.note)


def _durability(done: TagDone) -> str:
    return "" if done.durable else "in force, but the journal does not take it: repair it, else a restart forgets this"


def _moment(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")
