"""A dialog for a few choices and a note: what tags are hung up and taken down with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from v2g_console.console.safe_text import line
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.tags import LONGEST_NOTE_CHARS


@dataclass(frozen=True, slots=True)
class Pick:
    """One choice: what it is about, and its options in words; the first is chosen at the start."""

    label: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """What was chosen of each pick (its place among the options), and the note."""

    picked: tuple[int, ...]
    note: str


class NoteDialog(ModalScreen[Noted | None]):
    """Returns the choices and the note, None if the operator leaves. Does nothing by itself: Enter leads to a question.

    F2 changes the first pick, F3 the second, so that every letter belongs to the note.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("f2", "change(0)", show=False),
        Binding("f3", "change(1)", show=False),
    ]
    AUTO_FOCUS = "#note-text"
    VERTICAL_BREAKPOINTS = [(0, "-bare"), (8, "-low"), (14, "-room")]  # noqa: RUF012 - Textual declares it so
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (40, "-wide")]  # noqa: RUF012 - Textual declares it so
    DEFAULT_CSS = """
    NoteDialog { align: center middle; background: $background 60%; }
    NoteDialog > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: solid $focus; border-title-color: $foreground; border-title-style: bold; padding: 0 1;
    }
    NoteDialog Lines { height: auto; width: 1fr; text-wrap: wrap; }
    NoteDialog Horizontal { height: 1; margin: 1 0; }
    NoteDialog Static { width: 6; color: $muted; }
    NoteDialog Input { width: 1fr; background: $panel; color: $foreground; }
    NoteDialog Input:focus { background: $selection; }
    NoteDialog.-bare #note-about, NoteDialog.-bare #note-keys { display: none; }
    NoteDialog.-low #note-about { max-height: 2; }
    NoteDialog.-bare Horizontal, NoteDialog.-low Horizontal { dock: bottom; margin: 0; }
    NoteDialog.-narrow Static { display: none; }
    """

    def __init__(self, title: str, about: Sequence[Content], picks: Sequence[Pick]) -> None:
        super().__init__()
        self.heading = title
        self._about, self._picks = tuple(about), tuple(picks)
        self._picked = [0] * len(self._picks)
        self._wrong = ""

    def compose(self) -> ComposeResult:
        """What it is about, the choices, the note, a word on it, the keys."""
        with Vertical() as box:
            box.border_title = line(f" {self.heading} ")
            yield Lines(id="note-about")
            yield Lines(id="note-picks")
            with Horizontal():
                yield Static(Content("note"))
                yield Input(id="note-text", compact=True, max_length=LONGEST_NOTE_CHARS, placeholder="why: whoever meets it reads this")
            yield Lines(id="note-says")
            yield Lines(id="note-keys")

    def on_mount(self) -> None:
        """Show what there is to choose."""
        self.query_one("#note-about", Lines).show(self._about)
        self.query_one("#note-keys", Lines).show([line(("Enter", "bold"), " go on   ", ("Esc", "bold"), " leave")])
        self._draw()

    @on(Input.Changed)
    def typed(self) -> None:
        """A note that is being written is no longer missing."""
        self._wrong = ""
        self._draw()

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Leave with the note, if there is one."""
        event.stop()
        if not self.is_active:
            return  # left already: a second key of the same burst must not take the screen below with it
        if event.value.strip():
            self.dismiss(Noted(tuple(self._picked), event.value.strip()))
        else:
            self._wrong = "a note is needed: say why"
            self._draw()

    def action_change(self, number: int) -> None:
        """The next option of a pick."""
        if number < len(self._picks):
            self._picked[number] = (self._picked[number] + 1) % len(self._picks[number].options)
            self._draw()

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def _draw(self) -> None:
        rows = []
        for number, pick in enumerate(self._picks):
            key = (f"  F{number + 2} changes", "$muted") if len(pick.options) > 1 else ""
            rows.append(line((f"{pick.label:<6}", "$muted"), (pick.options[self._picked[number]], "bold"), key))
        picks = self.query_one("#note-picks", Lines)
        picks.show(rows)
        picks.refresh(layout=True)  # a longer option may need another line, and none may fall off the edge
        self.query_one("#note-says", Lines).show([line((self._wrong, "bold $warning"))])
