"""A bordered block of lines that draws itself for its size from the newest snapshot."""

from collections.abc import Sequence

from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import line
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.link import LinkState
from v2g_console.contract.snapshot import Snapshot


class Pane(Lines):
    """A subclass says `title` and `draw`; both are pure in the snapshot. Repaints only what changed."""

    DEFAULT_CSS = """
    Pane { border: solid $line; border-title-color: $foreground; padding: 0 0 0 1; }
    Pane:focus { border: solid $focus; border-title-style: bold; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = model
        self.glyphs = glyphs
        self._title = ""

    def title(self, snapshot: Snapshot | None) -> str:
        """What stands in the border."""
        return ""

    def draw(self, snapshot: Snapshot, width_cells: int, height_lines: int) -> Sequence[Content]:
        """The lines for that much room."""
        return ()

    def apply_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show `snapshot`; None: nothing has been heard yet."""
        if not self.size.width:
            return
        title = self.title(snapshot)
        if title != self._title:
            self._title = title
            self.border_title = line(title)
        if snapshot is None:
            self.show([line(("waiting for the engine", "$muted"))])
            return
        self.show(self.draw(snapshot, self.size.width, self.size.height)[: max(1, self.size.height)])

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.apply_snapshot(self.model.snapshot)


def age_mark(model: ConsoleModel, snapshot: Snapshot | None) -> str:
    """` ~ old` behind a title whose values no longer come in: the engine is late or the link is not up."""
    if snapshot is None:
        return ""
    silent = snapshot.link.state in {LinkState.DOWN, LinkState.CLOSED, LinkState.CONNECTING} and snapshot.summary.vehicles
    return " ~ old" if model.contact().late or silent else ""


def packed(parts: Sequence[tuple[str, str]], width_cells: int, gap: str = "  ") -> list[Content]:
    """Words in as few lines as fit `width_cells`; each is (text, style) and is never broken."""
    rows: list[Content] = []
    current = Content("")
    for text, style in parts:
        word = line((text, style))
        if current.cell_length and current.cell_length + len(gap) + word.cell_length > width_cells:
            rows.append(current)
            current = word
        else:
            current = line(current, gap, word) if current.cell_length else word
    return [*rows, current] if current.cell_length else rows
