"""What tags forbid a request, with the tags in the answer."""

from collections.abc import Sequence

from v2g_console.contract.replies import Refusal
from v2g_console.contract.tags import TagKind, TagView
from v2g_console.domain.reasons import Reason
from v2g_console.engine.core import Core
from v2g_console.engine.planning import Decision, left_out
from v2g_console.engine.refusal import RefusalError

_MOST_NAMED = 3


def refuse_unread(cautions: Sequence[TagView], *, accepted: bool) -> None:
    """Raise RefusalError for CAUTION tags that nobody said were read."""
    if cautions and not accepted:
        raise RefusalError(
            Refusal.CAUTION,
            f"{_named(cautions)}",
            "read it, then accept it: accept_cautions, --accept-cautions, or leave these vehicles out",
        )


def refuse_empty(core: Core, decision: Decision) -> None:
    """Raise RefusalError if nobody takes part; with the tags, if they are all that is in the way."""
    if decision.used.any():
        return
    out = left_out(decision)
    why = ", ".join(f"{count} {name}" for name, count in list(out.items())[:4]) or "the fleet is empty"
    inhibits = [tag for tag in core.tags.views() if tag.kind is TagKind.INHIBIT]
    if out.keys() - {Reason.NOT_SELECTED.name} == {Reason.TAGGED.name}:
        raise RefusalError(Refusal.TAGGED, f"no vehicle may take part: {why}; {_named(inhibits)}", "take the tag down first, if it may be")
    tagged = f"; {_named(inhibits)}" if Reason.TAGGED.name in out else ""
    raise RefusalError(Refusal.NO_VEHICLES, f"no vehicle can take part: {why}", f"see the fleet, or change signal, sign or scope{tagged}")


def _named(tags: Sequence[TagView]) -> str:
    more = f"; and {len(tags) - _MOST_NAMED} more" if len(tags) > _MOST_NAMED else ""
    return "; ".join(tag.words for tag in tags[:_MOST_NAMED]) + more
