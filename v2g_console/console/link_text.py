"""How the state of the MQTT link is written, in header, banner and pane alike."""

from typing import Final

from rich.cells import cell_len

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


def loss_text(link: LinkHealth, width_cells: int, meanwhile: str = "") -> str:
    """Why the link is not up, in at most `width_cells` where it can be: what is wrong with the address first, then when it is tried again.

    `meanwhile` is what goes on until then, where there is room.
    """
    told = safe_text(link.cause_text, 120)
    cause = told or ("" if link.cause is LinkCause.NONE else link.cause.value)
    state = f"MQTT link {link.state.value}"
    again = "" if link.next_attempt_s is None else f"; attempt {link.attempt + 1} in {link.next_attempt_s:.0f} s"
    brief = cause.split(": ", 1)[0]
    parts = (
        (state, cause, again, f". {meanwhile}" if meanwhile else ""),
        (state, brief, again, f". {meanwhile}" if meanwhile else ""),
        (state, cause, again, ""),
        (state, brief, again, ""),
        (f"link {link.state.value}", brief, again, ""),
        (state, brief, "", ""),
    )
    shown = [f"{first}{': ' if why else ''}{why}{when}{after}" for first, why, when, after in parts]
    return next((one for one in shown if cell_len(one) <= width_cells), shown[-1])
