"""A dialog with a question and a few answers; the harmless one has the focus, and a held or doubled key can't choose another."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Button

from v2g_console.console.deliberate import HELD_S, Deliberate, KnowsPresses
from v2g_console.console.keys import key_text
from v2g_console.console.safe_text import line
from v2g_console.console.widgets.lines import Lines

DWELL_S: Final = 0.4
"""How long a dialog must have been on screen before another answer than the harmless one is taken: longer than a double press.
Until then an answer's key counts as held, see `Deliberate`."""

_BOX_CELLS: Final = 72
_FRAME_CELLS: Final = 4  # border and padding, both sides
_BORDER_LINES: Final = 2
_BESIDE_CELLS: Final = 5  # of an answer beside its key and its label: a space, padding, margin
_LOW_LINES: Final = 14


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: its value, its key, what it says."""

    value: str
    key: str
    label: str


class ChoiceDialog(ModalScreen[str]):
    """Asks; returns the value of the chosen answer. `safe` is the answer of Escape and of the focus at the start.

    The key that opened the dialog must not be the key of an answer other than `safe`; a test checks that.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
        Binding("escape", "choose_safe", show=False),
        Binding("pageup", "turn(-1)", show=False),
        Binding("pagedown", "turn(1)", show=False),
    ]

    DEFAULT_CSS = """
    ChoiceDialog { align: center middle; background: $background 60%; }
    ChoiceDialog > Vertical {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: solid $focus; border-title-color: $foreground; border-title-style: bold; padding: 0 1;
    }
    ChoiceDialog #question-room { height: auto; width: 1fr; scrollbar-size-vertical: 1; }
    ChoiceDialog #question { height: auto; width: 1fr; text-wrap: wrap; }
    ChoiceDialog Horizontal { height: auto; width: 1fr; margin-top: 1; }
    ChoiceDialog.-narrow Horizontal { layout: vertical; }
    ChoiceDialog.-low Horizontal { margin-top: 0; }
    ChoiceDialog Button { margin-right: 2; min-width: 8; background: $panel; color: $foreground; text-style: none; }
    ChoiceDialog Button:focus { background: $foreground; color: $background; text-style: bold reverse; background-tint: transparent; }
    """

    def __init__(
        self,
        title: str,
        question: Sequence[Content],
        safe: Choice,
        others: Sequence[Choice],
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.heading = title
        self.safe = safe
        self.others = tuple(others)
        self._question = tuple(question)
        self._answer_key = Deliberate(DWELL_S, monotonic_s)
        self._early: Timer | None = None  # runs while the answers' keys are taken away

    def compose(self) -> ComposeResult:
        """Question and answers."""
        with Vertical() as box:
            box.border_title = line(f" {self.heading} ")
            with VerticalScroll(id="question-room", can_focus=False):
                yield Lines(id="question")
            with Horizontal():
                for choice in (self.safe, *self.others):
                    yield Button(line((key_text(choice.key), "bold"), f" {choice.label}"), id=f"choose-{choice.value}", compact=True)

    def on_mount(self) -> None:
        """Start with the harmless answer."""
        self.query_one("#question", Lines).show(self._question)
        self.query_one(f"#choose-{self.safe.value}", Button).focus()
        self._answer_key.shown()

    def on_resize(self) -> None:
        """No size hides an answer: where there is too little room for both, the question is what scrolls (PgDn)."""
        width_cells, height_lines = self.app.size
        answers = (self.safe, *self.others)
        needed_cells = sum(len(key_text(one.key)) + len(one.label) + _BESIDE_CELLS for one in answers)
        narrow = needed_cells > min(_BOX_CELLS, width_cells) - _FRAME_CELLS
        low = height_lines < _LOW_LINES
        self.set_class(narrow, "-narrow")
        self.set_class(low, "-low")
        taken_lines = _BORDER_LINES + (len(answers) if narrow else 1) + (not low)
        self.query_one("#question-room").styles.max_height = max(0, height_lines - taken_lines)

    def action_turn(self, pages: int) -> None:
        """More of a question that is longer than its room."""
        room = self.query_one("#question-room")
        room.scroll_relative(y=pages * max(1, room.size.height - 1), animate=False)

    def on_key(self, event: events.Key) -> None:
        """An answer's own key."""
        for choice in (self.safe, *self.others):
            if event.key == choice.key:
                event.stop()
                self._choose(choice, held=isinstance(self.app, KnowsPresses) and self.app.presses.held(event.key))

    @on(Button.Pressed)
    def pressed(self, event: Button.Pressed) -> None:
        """Enter or a click on an answer."""
        chosen = (event.button.id or "").removeprefix("choose-")
        self._choose(next(choice for choice in (self.safe, *self.others) if choice.value == chosen))

    def action_choose_safe(self) -> None:
        """Escape."""
        self._choose(self.safe)

    def _choose(self, choice: Choice, *, held: bool = False) -> None:
        if not self.is_active:
            return  # answered already: a second key of the same burst must not take the screen below with it
        if choice == self.safe or self._answer_key.decided(held=held):
            self.dismiss(choice.value)
        else:
            self._tell_early()

    def _tell_early(self) -> None:
        """Say that the key did nothing, for as long as it would do nothing: `HELD_S` from its last press."""
        box = self.query_one(Vertical)
        box.border_subtitle = line((" held or doubled: press again in 2 s ", "bold $warning"))
        if self._early is not None:
            self._early.stop()
        self._early = self.set_timer(HELD_S, lambda: setattr(box, "border_subtitle", ""))
