"""What became of each vehicle of one act over many: filled in as the answers come."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from textual.binding import Binding, BindingType

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.options import Severity
from v2g_console.console.screens.pick_list import PickListDialog
from v2g_console.console.widgets.record_table import RecordTable
from v2g_console.console.widgets.table_parts import Column, Role


class Came(StrEnum):
    """What an act came to, for one vehicle; worst first in a list."""

    UNKNOWN = "not known"  # the engine went away while it was asked
    REFUSED = "refused"
    NOT_ASKED = "not asked"
    WAITS = "waits"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Result:
    """One vehicle. `key` is unique in its list."""

    key: str
    vehicle_id: str
    came: Came = Came.WAITS
    words: str = ""


class Results:
    """The list of one act."""

    def __init__(self, keys: Iterable[tuple[str, str]]) -> None:
        """`keys`: (key, vehicle id) of each."""
        self._all = {key: Result(key, vehicle_id) for key, vehicle_id in keys}

    @property
    def worst_first(self) -> list[Result]:
        """What went wrong comes first."""
        rank = {came: place for place, came in enumerate(Came)}
        return sorted(self._all.values(), key=lambda one: rank[one.came])

    def put(self, key: str, came: Came, words: str = "") -> None:
        """It came to this."""
        self._all[key] = replace(self._all[key], came=came, words=words)

    def give_up(self, words: str) -> None:
        """Nobody asks for those that still wait."""
        for key, one in self._all.items():
            if one.came is Came.WAITS:
                self.put(key, Came.NOT_ASKED, words)

    def told(self, verb: str) -> tuple[str, Severity]:
        """`tagged 12`, or `PARTIAL: tagged 9 of 12; 2 refused, 1 not known`."""
        counts = {came: sum(one.came is came for one in self._all.values()) for came in Came}
        done, total = counts[Came.DONE], len(self._all)
        if done == total:
            return f"{verb} {total}", "information"
        rest = ", ".join(f"{count} {came.value}" for came, count in counts.items() if count and came is not Came.DONE)
        return f"{'PARTIAL: ' if done else ''}{verb} {done} of {total}; {rest}", "warning"


class ResultTable(RecordTable[Result]):
    """A line a vehicle."""

    def id_of(self, record: Result) -> str:
        """The key."""
        return record.key

    def words_of(self, record: Result) -> str:
        """All of it."""
        return f"{record.vehicle_id} {record.came.value} {record.words}"

    def all_columns(self, width_cells: int) -> list[Column]:
        """Vehicle, result, words."""
        return [
            Column("vehicle", "vehicle", max(9, min(32, width_cells // 3)), 0),
            Column("came", "result", 9, 1),
            Column("words", "", 16, 2),
        ]

    def text_of(self, record: Result, column: Column) -> str:
        """A cell."""
        return {"vehicle": record.vehicle_id, "came": record.came.value}.get(column.key, record.words)

    def role_of(self, record: Result, column: Column) -> Role:
        """What went wrong stands out."""
        return Role.ALERT if record.came in {Came.UNKNOWN, Came.REFUSED, Came.NOT_ASKED} else Role.NORMAL


class ResultsDialog(PickListDialog[None]):
    """`results` may still change; call `draw` then. Leaving it stops nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "leave", show=False, priority=True)]

    def __init__(self, glyphs: Glyphs, title: str, verb: str, results: Results) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.heading = title
        self._verb, self._results = verb, results

    def make_table(self) -> ResultTable:
        """The vehicles."""
        return ResultTable(self.glyphs, "")

    def on_mount(self) -> None:
        """Show what there is."""
        self.draw()

    def draw(self) -> None:
        """Show the list as it is now."""
        if self.is_mounted:
            text, severity = self._results.told(self._verb)
            self.table.show(self._results.worst_first)
            self.tell(text, wrong=severity != "information")
