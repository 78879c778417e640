"""`fleet export`: the vehicles as CSV or JSON Lines, one a line."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from v2g_console.contract.replies import FleetRow
from v2g_console.domain.text import no_formula, visible

CSV_HEADER: Final = FleetRow.__struct_fields__


def csv_lines(rows: Iterable[FleetRow]) -> Iterator[str]:
    """The header and a line a vehicle, each with its newline. Text that a spreadsheet would take for a formula gets an apostrophe."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    for cells in (CSV_HEADER, *(tuple(map(_cell, msgspec.structs.astuple(row))) for row in rows)):
        writer.writerow(cells)
        yield target.getvalue()
        target.seek(0)
        target.truncate()


def json_lines(rows: Iterable[FleetRow]) -> Iterator[str]:
    """A JSON object a vehicle, each with its newline."""
    return (msgspec.json.encode(row).decode() + "\n" for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, str):
        shown = visible(value)
        return no_formula(shown)
    return round(value, 6) if isinstance(value, float) else value
