"""One line under the header with every site of the console, also those that are not on screen; there only if there are several."""

from dataclasses import dataclass
from typing import Final

from textual import events
from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import Part, line
from v2g_console.console.site_text import CALM, LEVELS, site_parts, urgency
from v2g_console.console.widgets.lines import Lines

_HINT_CELLS: Final = 100
"""From this width on the key is named too."""
LEAST_LINES: Final = 7
"""On fewer lines the strip would take the place of what one works on; the header names the site."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A site in the strip: where it stands and which it is."""

    number: int
    text: Content


class SiteStrip(Lines):
    """A click on an entry goes there."""

    DEFAULT_CSS = """
    SiteStrip { height: 1; width: 1fr; background: $surface; }
    SiteStrip.-hidden { display: none; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs) -> None:
        super().__init__()
        self._model = model
        self._glyphs = glyphs
        self._spots: tuple[tuple[int, int, int], ...] = ()  # left, right, number

    def show_sites(self) -> None:
        """Show the newest of every site."""
        width = self.size.width or self.app.size.width
        self.set_class(self.app.size.height < LEAST_LINES, "-hidden")
        entries, hidden, gap = fitted(self._model, self._glyphs, width)
        parts: list[Part] = [" "]
        spots: list[tuple[int, int, int]] = []
        at = 1
        for entry in entries:
            spots.append((at, at + entry.text.cell_length, entry.number))
            parts += [entry.text, " " * gap]
            at += entry.text.cell_length + gap
        parts.append(hidden)
        hint = " F6 [ ] sites"
        if at + hidden.cell_length + len(hint) <= width and width >= _HINT_CELLS:
            parts.append((f"{hint:>{width - at - hidden.cell_length}}", "$muted"))
        self._spots = tuple(spots)
        self.show([line(*parts)])

    def on_resize(self) -> None:
        """Fit the new width."""
        self.show_sites()

    def on_click(self, event: events.Click) -> None:
        """Go to the site that was clicked."""
        for left, right, number in self._spots:
            if left <= event.x < right:
                self.call_later(self.run_action, f"app.show_site({number})")


def fitted(model: ConsoleModel, glyphs: Glyphs, width_cells: int) -> tuple[list[Entry], Content, int]:
    """As wordy as all of them fit: the entries, what is left out, the gap between. Where even the tersest are too many: the one on screen
    and the most urgent, in their order, and how many more there are, with `!` if one of those wants attention."""
    for level in LEVELS:
        gap = 2 if level else 1
        entries = [
            Entry(number, line(*site_parts(number, one, glyphs, level, one is model))) for number, one in enumerate(model.neighbours, 1)
        ]
        if 1 + sum(entry.text.cell_length + gap for entry in entries) - gap <= width_cells:
            return entries, line(""), gap
    return *_most_urgent(entries, model, glyphs, width_cells), 1


def _most_urgent(entries: list[Entry], model: ConsoleModel, glyphs: Glyphs, width_cells: int) -> tuple[list[Entry], Content]:
    ranks = [-1 if one is model else urgency(one, glyphs) for one in model.neighbours]
    by_rank = sorted(entries, key=lambda entry: ranks[entry.number - 1])
    room = width_cells - 1 - len(f"+{len(entries)}!")
    kept: list[Entry] = []
    for entry in by_rank:
        if entry.text.cell_length + 1 > room:
            break
        room -= entry.text.cell_length + 1
        kept.append(entry)
    hidden = [entry.number for entry in by_rank if entry not in kept]
    urgent = any(ranks[number - 1] < CALM for number in hidden)
    more = line((f"+{len(hidden)}{'!' if urgent else ''}", "bold $critical" if urgent else "$muted"))
    return sorted(kept, key=lambda entry: entry.number), more
