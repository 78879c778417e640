"""A field to write a name into, or to go through the known names with the up and down keys."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class ChoiceInput(Input):
    """An Input whose `choices` can be walked through."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "next_choice(1)", "Next", show=False),
        Binding("up", "next_choice(-1)", "Previous", show=False),
    ]

    def __init__(self, value: str, choices: tuple[str, ...], id: str | None = None) -> None:
        super().__init__(value, id=id, compact=True, max_length=200)
        self.choices = choices

    def action_next_choice(self, step: int) -> None:
        """The next of the choices; a name that is none of them starts at the first."""
        if not self.choices:
            return
        names = [choice.lower() for choice in self.choices]
        here = names.index(self.value.strip().lower()) if self.value.strip().lower() in names else -step if step > 0 else 0
        self.value = self.choices[(here + step) % len(self.choices)]
        self.cursor_position = len(self.value)
