"""The difference between two pictures of a fleet: rows that changed, rows that came, names that were added."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np

from v2g_console.attach.columns import DTYPES, NAME_TABLES, OPTIONAL, Column, bits_of, column_of, fault_in, names_of
from v2g_console.contract.snapshot import FleetColumns

MOST_ROWS: Final = 2_000_000
"""As many vehicles as the configuration allows."""
_ROW: Final = np.dtype("<u4")


class PatchError(ValueError):
    """A patch that fits neither the fleet it is for nor the contract; the message says where."""


class NamesPatch(msgspec.Struct, frozen=True, array_like=True):
    """The first `kept` names stay, `added` follow."""

    kept: int
    added: tuple[str, ...]


class ColumnPatch(msgspec.Struct, frozen=True, array_like=True):
    """The first `kept` rows stay but for `values` at the row numbers `rows` (ascending, u32); the values in `tail` follow.

    Little-endian bytes. A column sent as a whole keeps 0 rows.
    """

    kept: int
    rows: bytes
    values: bytes
    tail: bytes


class FleetPatch(msgspec.Struct, frozen=True, kw_only=True):
    """From one fleet to the next. What is not named is the same; a column that is None is no longer told."""

    revision: int
    layout_revision: int
    length: int
    names: dict[str, NamesPatch]
    columns: dict[str, ColumnPatch | None]


def patch_between(base: FleetColumns | None, now: FleetColumns) -> FleetPatch:
    """What makes `now` of `base`; of None, everything."""
    names: dict[str, NamesPatch] = {}
    for name in NAME_TABLES:
        before = () if base is None else names_of(base, name)
        after = names_of(now, name)
        if after is not before and after != before:
            kept = len(before) if after[: len(before)] == before else 0
            names[name] = NamesPatch(kept, after[kept:])
    columns: dict[str, ColumnPatch | None] = {}
    for name in DTYPES:
        old, new = None if base is None else column_of(base, name), column_of(now, name)
        if new is old:
            continue
        patch = None if new is None else _column_patch(name, old, new)
        if base is None or patch is None or len(patch.rows) or len(patch.tail) or patch.kept != len(now):
            columns[name] = patch
    return FleetPatch(revision=now.revision, layout_revision=now.layout_revision, length=len(now), names=names, columns=columns)


def _column_patch(name: str, old: Column | None, new: Column) -> ColumnPatch:
    wire = DTYPES[name]
    kept = 0 if old is None else min(len(old), len(new))
    if old is not None and kept:
        rows = np.flatnonzero(bits_of(old[:kept]) != bits_of(new[:kept]))
        if len(rows) * (_ROW.itemsize + wire.itemsize) < kept * wire.itemsize:
            return ColumnPatch(kept, rows.astype(_ROW).tobytes(), _raw(new[rows], wire), _raw(new[kept:], wire))
    return ColumnPatch(0, b"", b"", _raw(new, wire))


def _raw(values: Column, wire: np.dtype[Any]) -> bytes:
    return values.astype(wire, copy=False).tobytes()


def patched(base: FleetColumns | None, patch: FleetPatch) -> FleetColumns:
    """The fleet that `patch` makes of `base`; what did not change are the same objects. Raises PatchError."""
    if not 0 <= patch.length <= MOST_ROWS:
        raise PatchError(f"{patch.length} vehicles; at most {MOST_ROWS} are taken")
    unknown = (patch.names.keys() - set(NAME_TABLES)) | (patch.columns.keys() - DTYPES.keys())
    if unknown:
        raise PatchError(f"{min(unknown)[:40]!r} is no column that this program knows")
    tables = {name: _patched_names(name, base, patch.names) for name in NAME_TABLES}
    if len(tables["ids"]) != patch.length:
        raise PatchError(f"{len(tables['ids'])} ids for {patch.length} vehicles")
    columns = {name: _patched_column(name, base, patch, tables) for name in DTYPES}
    return FleetColumns(revision=patch.revision, layout_revision=patch.layout_revision, **tables, **columns)  # type: ignore[arg-type]  # by name


def _patched_names(name: str, base: FleetColumns | None, patches: Mapping[str, NamesPatch]) -> tuple[str, ...]:
    before = () if base is None else names_of(base, name)
    patch = patches.get(name)
    if patch is None:
        return before
    if not 0 <= patch.kept <= len(before):
        raise PatchError(f"{name}: keeps {patch.kept} of {len(before)} names")
    return before[: patch.kept] + patch.added


def _patched_column(name: str, base: FleetColumns | None, patch: FleetPatch, tables: dict[str, tuple[str, ...]]) -> Column | None:
    old = None if base is None else column_of(base, name)
    told = patch.columns.get(name)
    column: Column | None
    if told is not None:
        column = _applied(name, old, told, patch.length)
    else:
        column = None if name in patch.columns else old
        if column is None and name not in OPTIONAL:
            raise PatchError(f"{name} is missing")
        if column is not None and len(column) != patch.length:
            raise PatchError(f"{name} has {len(column)} values for {patch.length} vehicles")
    if column is not None and (column is not old or patch.names):
        fault = fault_in(name, column, tables)
        if fault:
            raise PatchError(f"{name} has {fault}")
    return column


def _applied(name: str, old: Column | None, told: ColumnPatch, length: int) -> Column:
    wire = DTYPES[name]
    known = 0 if old is None else len(old)
    if not 0 <= told.kept <= known or len(told.tail) != (length - told.kept) * wire.itemsize:
        raise PatchError(f"{name} keeps {told.kept} of {known} values and adds {len(told.tail)} bytes, for {length} vehicles")
    if len(told.rows) % _ROW.itemsize or len(told.values) * _ROW.itemsize != len(told.rows) * wire.itemsize:
        raise PatchError(f"{name} has {len(told.values)} bytes of values for {len(told.rows)} bytes of row numbers")
    rows, values = np.frombuffer(told.rows, _ROW), np.frombuffer(told.values, wire)
    if len(rows) and (int(rows[-1]) >= told.kept or bool(np.any(rows[1:] <= rows[:-1]))):
        raise PatchError(f"{name} has row numbers that do not ascend within {told.kept}")
    column = np.empty(length, wire.newbyteorder("="))
    if old is not None:
        column[: told.kept] = old[: told.kept]
    column[told.kept :] = np.frombuffer(told.tail, wire)
    column[rows] = values
    column.flags.writeable = False
    return column
