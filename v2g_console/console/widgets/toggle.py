"""A switch in a form: one word out of a few, chosen with the space bar or the arrows."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from v2g_console.console.safe_text import line
from v2g_console.console.widgets.lines import Lines


class Toggle(Lines, can_focus=True):
    """Shows `label: word`. Enter is left to the form around it, so that it does there what it does in every field."""

    DEFAULT_CSS = """
    Toggle { height: 1; background: $panel; }
    Toggle:focus { background: $selection; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,down", "turn(1)", "Next", show=False),
        Binding("up", "turn(-1)", "Previous", show=False),
    ]

    class Turned(Message):
        """Another word was chosen."""

    def __init__(self, label: str, words: Sequence[str], id: str) -> None:
        super().__init__(id=id)
        self._label = label
        self._words = tuple(words)
        self._at = 0

    @property
    def word(self) -> str:
        """The chosen word."""
        return self._words[self._at]

    def on_mount(self) -> None:
        """Start with the first word."""
        self.styles.width = len(self._label) + 2 + max(map(len, self._words))
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """The next word."""
        event.stop()
        self.action_turn(1)

    def action_turn(self, step: int) -> None:
        """Another word."""
        self._at = (self._at + step) % len(self._words)
        self._draw()
        self.post_message(self.Turned())

    def _draw(self) -> None:
        self.show([line(f"{self._label}: {self.word}")])
