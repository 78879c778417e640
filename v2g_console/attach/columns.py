"""The columns and tables of names of a fleet, by name, as the contract declares them: what is added there is carried by itself."""

from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.snapshot import FLEET_STATE_NAMES, QUALITY_MARKS, TAG_MARKS, FleetColumns
from v2g_console.domain.reasons import Reason

Column = NDArray[Any]
NAME_TABLES: Final = tuple(name for name, kind in get_type_hints(FleetColumns).items() if kind == tuple[str, ...])
"""Tables of names, such as `ids`."""
_CODES: Final = {"state": len(FLEET_STATE_NAMES), "quality": len(QUALITY_MARKS), "reason": max(Reason) + 1, "tag": len(TAG_MARKS)}
"""Columns that are an index into a fixed list, and how long that is."""
_INDICES: Final = {"site": "sites", "segment": "segments"}
"""Columns that are an index into a table of names, -1 for none. (`owner` may name a dispatch that has just ended.)"""


def _dtypes() -> dict[str, np.dtype[Any]]:
    """Little-endian type by column, from the annotations `NDArray[np.float32]` and `NDArray[np.bool_] | None`."""
    hints = get_type_hints(FleetColumns)
    found: dict[str, np.dtype[Any]] = {}
    for field in fields(FleetColumns):
        for kind in (hints[field.name], *get_args(hints[field.name])):
            if getattr(kind, "__origin__", None) is np.ndarray:
                (scalar,) = get_args(get_args(kind)[1])
                found[field.name] = np.dtype(scalar).newbyteorder("<")
    return found


DTYPES: Final = MappingProxyType(_dtypes())
"""The type of each column's values on the wire."""

OPTIONAL: Final = frozenset(field.name for field in fields(FleetColumns) if field.default is None)
"""Columns that an engine may leave out."""


def column_of(fleet: FleetColumns, name: str) -> Column | None:
    """A column by name; None if this fleet has none."""
    column: Column | None = getattr(fleet, name)
    return column


def names_of(fleet: FleetColumns, name: str) -> tuple[str, ...]:
    """A table of names by its own."""
    names: tuple[str, ...] = getattr(fleet, name)
    return names


def bits_of(column: Column) -> Column:
    """The column's values as whole numbers, so that NaN equals NaN."""
    return column.view(f"u{column.itemsize}")


def fault_in(name: str, values: Column, tables: dict[str, tuple[str, ...]]) -> str:
    """What a screen could stumble over in new values of a column, given the tables of names by name; "" if nothing."""
    if not len(values):
        return ""
    if values.dtype == np.bool_:
        return "a truth value that is neither 0 nor 1" if int(values.view(np.uint8).max()) > 1 else ""
    if name in _CODES and int(values.max()) >= _CODES[name]:
        return f"code {int(values.max())}, known are 0 to {_CODES[name] - 1}"
    if name in _INDICES or name == "owner":
        most = len(tables[_INDICES[name]]) if name in _INDICES else np.iinfo(np.int32).max
        if int(values.min()) < -1 or int(values.max()) >= most:
            return f"an index of {int(values.min())} or {int(values.max())} into {most} names"
    return ""
