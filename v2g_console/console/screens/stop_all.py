"""What came of STOP at every site, a line a site, while the answers come in. Closing it changes nothing."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.stop_all import Outcome, SiteOutcome, StopAll
from v2g_console.console.widgets.lines import Lines

_STYLE = {
    Outcome.ASKED: "$muted",
    Outcome.TAKEN: "bold",
    Outcome.REFUSED: "bold reverse $critical",
    Outcome.UNKNOWN: "bold reverse $critical",
}


class StopAllScreen(ModalScreen[None]):
    """Shows; asks nothing. Says in its first line whether all have taken it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter", "leave", show=False)]
    DEFAULT_CSS = """
    StopAllScreen { align: center middle; background: $background 60%; }
    StopAllScreen > Vertical {
        width: 100; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: solid $focus; border-title-color: $foreground; border-title-style: bold; padding: 0 1;
    }
    StopAllScreen #stop-all-says { height: 1; }
    StopAllScreen VerticalScroll { height: auto; max-height: 12; scrollbar-size-vertical: 1; }
    StopAllScreen #stop-all-rows { height: auto; text-wrap: wrap; }
    StopAllScreen #stop-all-keys { height: 1; }
    .-ascii StopAllScreen > Vertical { border: ascii $line; }
    """

    def __init__(self, stop: StopAll) -> None:
        super().__init__()
        self._stop = stop

    def compose(self) -> ComposeResult:
        """The sum, a line a site, the keys."""
        with Vertical() as box:
            box.border_title = line(" STOP at all sites ")
            yield Lines(id="stop-all-says")
            with VerticalScroll(can_focus=True):
                yield Lines(id="stop-all-rows")
            yield Lines(id="stop-all-keys")

    def on_mount(self) -> None:
        """Show what is known."""
        self.show_outcomes()
        self.query_one("#stop-all-keys", Lines).show(
            [line(("Esc", "bold"), " closes this   ", ("F7", "bold"), " at a site: who is silent")]
        )

    def show_outcomes(self) -> None:
        """Another answer has come in."""
        if not self.is_attached or not self.query("#stop-all-rows"):
            return
        style = "bold" if self._stop.complete else "$muted" if not self._stop.finished else "bold reverse $critical"
        self.query_one("#stop-all-says", Lines).show([line((self._stop.summary(), style))])
        rows = self.query_one("#stop-all-rows", Lines)
        rows.show([row_of(one) for one in self._stop.outcomes])
        rows.refresh(layout=True)

    def action_leave(self) -> None:
        """Close; what is still open goes on."""
        if self.is_active:  # a second key of the same burst must not take the screen below with it
            self.dismiss()


def row_of(one: SiteOutcome) -> Content:
    """`2 lyon  NOT KNOWN  no answer within 10 s`."""
    word = "" if one.outcome is Outcome.TAKEN else f"{one.outcome.value}: "
    return line(
        (f"{one.site.number} ", "$muted"),
        (safe_text(one.site.name, 24), "bold"),
        "  ",
        (word + safe_text(one.text, 160), _STYLE[one.outcome]),
    )
