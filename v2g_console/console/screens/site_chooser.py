"""All sites in a list, a line each, always live: go to one by its number, a part of its name, or the cursor."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.site_text import LEVELS, site_parts
from v2g_console.console.sites import Site
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.snapshot import Snapshot

_LONGEST_WORD = 40
_ONE_DIGIT = 9


class SiteChooser(ModalScreen[int | None]):
    """Returns the number of the chosen site, None if the operator leaves. Changes nothing by itself.

    With at most nine sites a digit goes there at once. Letters narrow the list to names that hold them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("enter", "choose", show=False),
    ]
    DEFAULT_CSS = """
    SiteChooser { align: center middle; background: $background 60%; }
    SiteChooser > Vertical {
        width: 110; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: solid $focus; border-title-color: $foreground; border-title-style: bold; padding: 0 1;
    }
    SiteChooser #site-rows { height: auto; }
    SiteChooser #site-word, SiteChooser #site-keys { height: 1; }
    .-ascii SiteChooser > Vertical { border: ascii $line; }
    """

    def __init__(self, sites: tuple[Site, ...], shown: Site, glyphs: Glyphs) -> None:
        super().__init__()
        self._sites = sites
        self._shown = shown
        self._glyphs = glyphs
        self._word = ""
        self._at = sites.index(shown)

    def compose(self) -> ComposeResult:
        """The list, what is typed, the keys."""
        with Vertical() as box:
            box.border_title = line(" Sites ")
            yield Lines(id="site-rows")
            yield Lines(id="site-word")
            yield Lines(id="site-keys")

    def on_mount(self) -> None:
        """Show them."""
        self.query_one("#site-keys", Lines).show(
            [line(("number", "bold"), " or part of a name   ", ("Enter", "bold"), " goes there   ", ("Esc", "bold"), " stay")]
        )
        self._draw()

    def on_resize(self) -> None:
        """Fit the new size."""
        if self.query("#site-rows"):
            self._draw()

    def apply_snapshot(self, _: Snapshot) -> None:
        """Something may have changed anywhere."""
        self._draw()

    def found(self) -> tuple[Site, ...]:
        """The sites that fit what was typed: by a part of the name, or the beginning of the number."""
        word = self._word.casefold()
        return tuple(site for site in self._sites if word in site.name.casefold() or str(site.number).startswith(word))

    def on_key(self, event: events.Key) -> None:
        """A number, a letter of a name, or one of them taken back."""
        char = event.character or ""
        if event.key == "backspace":
            self._typed(self._word[:-1])
        elif char.isdecimal() and not self._word and len(self._sites) <= _ONE_DIGIT:
            if any(site.number == int(char) for site in self._sites):
                self._leave_with(int(char))
        elif char.isprintable() and char and len(self._word) < _LONGEST_WORD:
            self._typed(self._word + char)
        else:
            return
        event.stop()

    def action_move(self, step: int) -> None:
        """The cursor, round the end."""
        if found := self.found():
            self._at = (self._at + step) % len(found)
            self._draw()

    def action_choose(self) -> None:
        """Go to the one under the cursor."""
        if found := self.found():
            self._leave_with(found[min(self._at, len(found) - 1)].number)

    def action_leave(self) -> None:
        """Stay."""
        self._leave_with(None)

    def _leave_with(self, number: int | None) -> None:
        if self.is_active:  # a second key of the same burst must not take the screen below with it
            self.dismiss(number)

    def _typed(self, word: str) -> None:
        self._word, self._at = word, 0
        self._draw()

    def _draw(self) -> None:
        room = max(1, self.app.size.height - 4)
        found = self.found()
        first = max(0, min(self._at - room // 2, len(found) - room))
        rows = [self._row(site, place == self._at) for place, site in enumerate(found)][first : first + room]
        lines = self.query_one("#site-rows", Lines)
        lines.styles.height = max(1, len(rows))
        lines.show(rows or [line(("no site has that name or number", "$muted"))])
        word = safe_text(self._word, _LONGEST_WORD)
        self.query_one("#site-word", Lines).show([line(("> ", "$muted"), (word, "bold"), ("_" if word else "", "$muted"))])

    def _row(self, site: Site, under_cursor: bool) -> Content:
        cursor = f"{self._glyphs.cursor} " if under_cursor else "  "
        width = max(20, min(110, self.app.size.width) - 4)
        broker = "" if site.model.snapshot is None else site.model.snapshot.link.broker
        about = safe_text(site.model.contact().problem or broker, 50)
        for level, more in ((LEVELS[0], f"  {about}"), *((level, "") for level in LEVELS)):
            parts = site_parts(site.number, site.model, self._glyphs, level, site is self._shown)
            row = line((cursor, "bold"), *parts, (more, "$muted"))
            if row.cell_length <= width:
                break
        return row
