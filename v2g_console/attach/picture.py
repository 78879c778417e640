"""A snapshot on the wire: whole, or as what changed since one that the caller has."""

from dataclasses import MISSING, fields
from typing import Final, get_type_hints

import msgspec

from v2g_console.attach.fleet_patch import FleetPatch, PatchError, patch_between, patched
from v2g_console.contract.snapshot import DispatchView, EngineInfo, Snapshot

_APART: Final = frozenset({"number", "engine", "dispatches", "fleet"})
_TYPES: Final = get_type_hints(Snapshot)
_SMALL: Final = {field.name: field.default for field in fields(Snapshot) if field.name not in _APART}
Small: Final = msgspec.defstruct(
    "Small",
    [(name, _TYPES[name]) if default is MISSING else (name, _TYPES[name], default) for name, default in _SMALL.items()],
    frozen=True,
    kw_only=True,
)
"""The fields of a snapshot that are sent each time, as the contract declares them: what is added there is carried by itself.

Their defaults too: an older recording has not got what came later."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All of a snapshot but its EngineInfo, which differs by caller. `base`: the snapshot that it changes; 0: none, it is whole.

    A dispatch that is the same as in the base is its id only; a fleet that is the same is None. `small` is a `Small`.
    """

    number: int
    base: int
    dispatches: tuple[DispatchView | str, ...]
    fleet: FleetPatch | None
    small: msgspec.Raw


def packed(base: Snapshot | None, now: Snapshot) -> bytes:
    """What makes `now` of `base`. Touches whole columns, so it belongs on a worker thread; both are immutable."""
    known = set() if base is None else {id(view) for view in base.dispatches}
    small = Small(**{name: getattr(now, name) for name in _SMALL})
    picture = Picture(
        number=now.number,
        base=0 if base is None else base.number,
        dispatches=tuple(view.dispatch_id if id(view) in known else view for view in now.dispatches),
        fleet=None if base is not None and base.fleet is now.fleet else patch_between(None if base is None else base.fleet, now.fleet),
        small=msgspec.Raw(msgspec.msgpack.encode(small)),
    )
    return msgspec.msgpack.encode(picture)


def unpacked(body: bytes, engine: EngineInfo, base: Snapshot | None) -> Snapshot:
    """The snapshot that `body` makes of `base`. Raises PatchError or `frames.UNREADABLE` for what fits neither base nor contract."""
    picture = msgspec.msgpack.decode(body, type=Picture)
    if picture.base not in {0, 0 if base is None else base.number}:
        raise PatchError(f"snapshot {picture.number} changes snapshot {picture.base}, which this program has not got")
    known = base if picture.base else None
    before = None if known is None else known.fleet
    fleet = before if picture.fleet is None else patched(before, picture.fleet)
    if fleet is None:
        raise PatchError("a whole snapshot without a fleet")
    return Snapshot(
        number=picture.number,
        engine=engine,
        fleet=fleet,
        dispatches=_dispatches(picture, () if known is None else known.dispatches),
        **msgspec.structs.asdict(msgspec.msgpack.decode(picture.small, type=Small)),
    )


def _dispatches(picture: Picture, before: tuple[DispatchView, ...]) -> tuple[DispatchView, ...]:
    views = {view.dispatch_id: view for view in before}
    try:
        return tuple(views[told] if isinstance(told, str) else told for told in picture.dispatches)
    except KeyError as error:
        raise PatchError(f"snapshot {picture.number} keeps a dispatch that was never told") from error
