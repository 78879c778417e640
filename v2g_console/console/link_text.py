"""How the state of the MQTT link is written, in header, banner and pane alike."""

from typing import Final

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import Part, safe_text
from v2g_console.contract.link import LinkCause, LinkHealth, LinkState

LINK_STYLE: Final[dict[LinkState, str]] = {
    LinkState.UP: "",
    LinkState.SUSPECT: "bold $warning",
    LinkState.CONNECTING: "bold $warning",
    LinkState.DOWN: "bold $critical",
    LinkState.CLOSED: "bold $critical",
}


def link_dot(state: LinkState, glyphs: Glyphs) -> str:
    """The sign of a link state: filled, waiting or hollow."""
    match state:
        case LinkState.UP:
            return glyphs.dot_up
        case LinkState.CONNECTING | LinkState.SUSPECT:
            return glyphs.dot_wait
        case LinkState.DOWN | LinkState.CLOSED:
            return glyphs.dot_down


def link_parts(link: LinkHealth, glyphs: Glyphs, late: bool, with_broker: bool) -> list[Part]:
    """The header's words on the link: `link ● up ssl://broker:8883`; `late` marks it as not to be believed."""
    style = "$muted" if late else LINK_STYLE[link.state]
    mark = "~" if late else ""
    parts: list[Part] = [("link ", ""), (f"{link_dot(link.state, glyphs)} {link.state.value}{mark}", style)]
    if with_broker:
        parts += [" ", (safe_text(link.broker, 30), "$muted")]
    return parts


def loss_text(link: LinkHealth) -> str:
    """Why the link is not up and what happens next; the short words first, since the line may be cut."""
    cause = "" if link.cause is LinkCause.NONE else link.cause.value
    told = safe_text(link.cause_text, 120)
    if told.startswith(cause):
        told = told.removeprefix(cause).lstrip(" :,;")
    attempt = "" if link.next_attempt_s is None else f", attempt {link.attempt + 1} in {link.next_attempt_s:.0f} s"
    return f"MQTT link {link.state.value}{': ' if cause else ''}{cause}{attempt}{'. ' if told else ''}{told}"
