"""Saved views of the fleet: choose one, keep what is on screen under a name, delete one."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.screens.pick_list import PickListDialog
from v2g_console.console.views import LONGEST_NAME_CHARS, SavedView, ViewsError, ViewsFile
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.record_table import RecordTable
from v2g_console.console.widgets.table_parts import Column

_STAY = Choice("stay", "n", "No, go back")


class ViewTable(RecordTable[SavedView]):
    """The saved views."""

    def id_of(self, record: SavedView) -> str:
        """Its name."""
        return record.name

    def words_of(self, record: SavedView) -> str:
        """Its name and filter."""
        return f"{record.name} {record.filter}"

    def all_columns(self, width_cells: int) -> list[Column]:
        """Name, order, columns, filter."""
        return [
            Column("name", "view", min(LONGEST_NAME_CHARS, max(8, width_cells // 3)), 0),
            Column("sort", "sorted by", 11, 2),
            Column("columns", "columns", 9, 3),
            Column("filter", "filter", 16, 1),
        ]

    def text_of(self, record: SavedView, column: Column) -> str:
        """A cell."""
        match column.key:
            case "name":
                return record.name
            case "sort":
                return f"{record.sort.value} {self.glyphs.down if record.descending else self.glyphs.up}"
            case "columns":
                return str(len(record.columns)) if record.columns else "as fits"
            case _:
                return record.filter or "none"


class ViewsDialog(PickListDialog[SavedView]):
    """Returns the view to use, None if the operator leaves. `now`: what is on screen, to be saved under a name."""

    heading = "Saved views"
    keys = (("Enter", "use"), ("s", "save what is on screen"), ("x", "delete"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "save", show=False),
        Binding("x,delete", "delete", show=False),
    ]

    def __init__(self, glyphs: Glyphs, file: ViewsFile, now: SavedView) -> None:
        super().__init__()
        self.glyphs = glyphs
        self._file, self._now = file, now

    def make_table(self) -> ViewTable:
        """The saved views."""
        return ViewTable(self.glyphs, "No view is saved. s saves what is on screen: filter, order and columns.")

    def on_mount(self) -> None:
        """Show what there is."""
        self._list()

    @on(RecordTable.RowChosen)
    def chosen(self, event: RecordTable.RowChosen) -> None:
        """Use it."""
        event.stop()
        view = self.table.under_cursor()
        if isinstance(view, SavedView) and self.is_active:
            self.dismiss(view)

    def action_save(self) -> None:
        """Ask for a name."""
        self.app.push_screen(NameDialog(self.table.cursor_id or ""), self._named)

    def action_delete(self) -> None:
        """Forget the view under the cursor, after a question."""
        view = self.table.under_cursor()
        if not isinstance(view, SavedView):
            return

        def answered(choice: str | None) -> None:
            if choice == "delete":
                self._do(lambda: self._file.delete(view.name), f"deleted: {view.name}")

        question = [line((safe_text(view.name, LONGEST_NAME_CHARS), "bold"))]
        self.app.push_screen(ChoiceDialog("Delete the view", question, _STAY, [Choice("delete", "y", "Yes, delete it")]), answered)

    def _named(self, name: str | None) -> None:
        if name is None:
            return
        view = SavedView(
            name=name, filter=self._now.filter, columns=self._now.columns, sort=self._now.sort, descending=self._now.descending
        )
        if name not in {one.name for one in self.table.listed}:
            self._do(lambda: self._file.save(view), f"saved: {name}")
            return

        def answered(choice: str | None) -> None:
            if choice == "replace":
                self._do(lambda: self._file.save(view), f"replaced: {name}")

        question = [line((safe_text(name, LONGEST_NAME_CHARS), "bold"), " exists.")]
        self.app.push_screen(ChoiceDialog("Replace the view", question, _STAY, [Choice("replace", "y", "Yes, replace it")]), answered)

    def _do(self, change: Callable[[], None], done: str) -> None:
        try:
            change()
        except ViewsError as error:
            self.tell(str(error), wrong=True)
            return
        self._list()
        self.tell(done)

    def _list(self) -> None:
        try:
            self.table.show(self._file.load())
        except ViewsError as error:
            self.tell(str(error), wrong=True)


class NameDialog(ModalScreen[str | None]):
    """Asks for the name of a view."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    DEFAULT_CSS = """
    NameDialog { align: center middle; background: $background 60%; }
    NameDialog > Vertical {
        width: 60; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: solid $focus; border-title-color: $foreground; border-title-style: bold; padding: 0 1;
    }
    NameDialog Input { background: $panel; color: $foreground; }
    NameDialog Lines { height: 1; }
    .-ascii NameDialog > Vertical { border: ascii $focus; }
    """

    def __init__(self, start: str) -> None:
        super().__init__()
        self._start = start

    def compose(self) -> ComposeResult:
        """The name."""
        with Vertical() as box:
            box.border_title = line(" Save the view as ")
            yield Input(self._start, compact=True, max_length=LONGEST_NAME_CHARS, placeholder="a name")
            yield Lines()

    def on_mount(self) -> None:
        """Name the keys."""
        self.query_one(Lines).show([line(("Enter", "bold"), " save   ", ("Esc", "bold"), " back")])

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Leave with the name, if there is one."""
        event.stop()
        if event.value.strip() and self.is_active:
            self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        """No name."""
        self.dismiss(None)
