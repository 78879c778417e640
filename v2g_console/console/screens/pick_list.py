"""A dialog around a list: a title, a table, what is told, and the keys. Escape leaves."""

from typing import Any, ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from v2g_console.console.safe_text import Part, line
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.record_table import RecordTable

Chosen = TypeVar("Chosen")


class PickListDialog(ModalScreen[Chosen | None], Generic[Chosen]):
    """A subclass gives the heading, the table and the keys; `tell` says a line below the table."""

    heading: str = ""
    keys: ClassVar[tuple[tuple[str, str], ...]] = ()
    AUTO_FOCUS = "RecordTable"
    VERTICAL_BREAKPOINTS = [(0, "-bare"), (8, "-room")]  # noqa: RUF012 - Textual declares it so
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    DEFAULT_CSS = """
    PickListDialog { align: center middle; background: $background 60%; }
    PickListDialog > Vertical {
        width: 84; max-width: 100%; height: 26; max-height: 100%;
        background: $surface; border: solid $focus; border-title-color: $foreground; border-title-style: bold; padding: 0 1;
    }
    PickListDialog #pick-says { height: 1; }
    PickListDialog #pick-keys { height: auto; max-height: 2; text-wrap: wrap; }
    PickListDialog.-bare #pick-keys { display: none; }
    .-ascii PickListDialog > Vertical { border: ascii $focus; }
    """

    def compose(self) -> ComposeResult:
        """Table, a line of news, the keys."""
        with Vertical() as box:
            box.border_title = line(f" {self.heading} ")
            yield self.make_table()
            yield Lines(id="pick-says")
            yield Lines(id="pick-keys")

    def make_table(self) -> RecordTable[Any]:
        """The list."""
        raise TypeError(f"{type(self).__name__} makes no table")

    @property
    def table(self) -> RecordTable[Any]:
        """The list."""
        table = self.query_one("RecordTable")
        assert isinstance(table, RecordTable)
        return table

    def on_mount(self) -> None:
        """Name the keys."""
        parts: list[Part] = []
        for key, word in (*self.keys, ("Esc", "back")):
            parts += [(key, "bold"), f" {word}   "]
        self.query_one("#pick-keys", Lines).show([line(*parts)])

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """A line below the list."""
        says: Content = line((text, "bold $warning" if wrong else "$muted"))
        self.query_one("#pick-says", Lines).show([says])

    def action_leave(self) -> None:
        """Change nothing more."""
        self.dismiss(None)
