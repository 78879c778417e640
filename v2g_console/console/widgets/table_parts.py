"""What a table is made of: columns that fit a width, and lines of styled pieces."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

GAP_CELLS: Final = 2


class Role(Enum):
    """What a piece of a line is, for its colour; the words carry the meaning without it."""

    NORMAL = "normal"
    DIM = "dim"
    ALERT = "alert"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `need` orders what is given up when it gets narrow: the highest first; 0 is never given up."""

    key: str
    title: str
    width_cells: int
    need: int
    right: bool = False


Piece = tuple[str, Role]


@dataclass(frozen=True, slots=True)
class RowLine:
    """One row as it is drawn; equal lines look equal. `pieces` are padded to their columns' widths; `mark`: one cell before them."""

    row_id: str
    pieces: tuple[Piece, ...]
    mark: str = ""


def fitting_columns(columns: list[Column], width_cells: int) -> tuple[Column, ...]:
    """Those of `columns` that fit, in their order; if only the first is left it takes the whole width."""
    kept = list(columns)
    while len(kept) > 1 and sum(column.width_cells + GAP_CELLS for column in kept) > width_cells:
        kept.remove(max(kept, key=lambda column: column.need))
    if len(kept) == 1:
        return (Column(kept[0].key, kept[0].title, max(1, width_cells - GAP_CELLS), 0),)
    return tuple(kept)
