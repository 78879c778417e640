"""A dialog with a question and a few answers; the harmless one has the focus, and a held or doubled key can't choose another."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button

from v2g_console.console.deliberate import Deliberate, KnowsPresses
from v2g_console.console.keys import key_text
from v2g_console.console.safe_text import line
from v2g_console.console.widgets.lines import Lines

DWELL_S: Final = 0.4
"""How long a dialog must have been on screen before another answer than the harmless one is taken: longer than a double press.
Until then an answer's key counts as held, see `Deliberate`."""


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
    ]

    DEFAULT_CSS = """
    ChoiceDialog { align: center middle; background: $background 60%; }
    ChoiceDialog > Vertical {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: solid $focus; border-title-color: $foreground; border-title-style: bold; padding: 0 1;
    }
    ChoiceDialog #question { height: auto; width: 1fr; text-wrap: wrap; }
    ChoiceDialog Horizontal { height: auto; width: 1fr; margin-top: 1; }
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

    def compose(self) -> ComposeResult:
        """Question and answers."""
        with Vertical() as box:
            box.border_title = line(f" {self.heading} ")
            yield Lines(id="question")
            with Horizontal():
                for choice in (self.safe, *self.others):
                    yield Button(line((key_text(choice.key), "bold"), f" {choice.label}"), id=f"choose-{choice.value}", compact=True)

    def on_mount(self) -> None:
        """Start with the harmless answer."""
        self.query_one("#question", Lines).show(self._question)
        self.query_one(f"#choose-{self.safe.value}", Button).focus()
        self._answer_key.shown()

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
            self.query_one(Vertical).border_subtitle = line((" held or doubled: press again in 2 s ", "bold $warning"))
