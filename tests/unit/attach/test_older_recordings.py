"""A recording of an older contract is shown as long as what came to the contract since then has a default.

`contract_3.json` has the fields of everything that a recording of contract 3 may hold, as its release declared them; `!` marks those
without a default. A contract that a recording can no longer be read in raises OLDEST_RECORDED, and the file goes with it.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.console import pictures
from v2g_console.attach.picture import Picture, Small, packed
from v2g_console.attach.playback import Recording
from v2g_console.attach.recording import Flag, Moment, RecordingFile, new_header
from v2g_console.contract import OLDEST_RECORDED
from v2g_console.contract.events import AlarmRaised, DispatchStopped
from v2g_console.contract.snapshot import Snapshot
from v2g_console.contract.stop import StopView

OLDEST: Final[dict[str, str]] = json.loads(Path(__file__).with_name(f"contract_{OLDEST_RECORDED}.json").read_text())
SINCE: Final = frozenset({"lease_ended", "proposals", "starts_in_s", "taken"})  # and `dispatch_id` of alarms
STOPPED = DispatchStopped(
    ts="2026-11-23T18:00:00.000Z",
    dispatch_id=pictures.DISPATCH_ID,
    signal="FCR",
    state="stopped",
    requested_kw=1500.0,
    allocated_kw=1500.0,
    acknowledged_kw=1431.0,
    delivered_kw=None,
    delivered_coverage=0.0,
    uncertain_kw=0.0,
    shortfall_kw=69.0,
    vehicles=412,
    acked=371,
    limited=10,
    rejected=7,
    silent=24,
    pending=0,
    released=362,
)
RAISED = AlarmRaised(
    ts="2026-11-23T18:00:01.000Z", alarm_id="silent:7f3a", kind="silent", priority=2, text="24 are silent", response="retry"
)


def structs_of(kind: Any, found: dict[str, msgspec.inspect.StructType]) -> dict[str, msgspec.inspect.StructType]:
    """Every struct that a value of `kind` may hold, by name."""
    info = kind if isinstance(kind, msgspec.inspect.Type) else msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.StructType):
        if info.cls.__name__ in found:
            return found
        found[info.cls.__name__] = info
        inner: tuple[msgspec.inspect.Type, ...] = tuple(field.type for field in info.fields)
    else:
        inner = (*getattr(info, "types", ()), *getattr(info, "item_types", ()))
        inner += tuple(getattr(info, name) for name in ("item_type", "key_type", "value_type") if hasattr(info, name))
    for one in inner:
        structs_of(one, found)
    return found


def recorded() -> dict[str, msgspec.inspect.StructType]:
    """Every struct of a recording."""
    found: dict[str, msgspec.inspect.StructType] = {}
    for kind in (Moment, Picture, Small):
        structs_of(kind, found)
    return found


def without_what_came_since(value: Any) -> Any:
    """A value of MessagePack as an engine of contract 3 wrote it."""
    match value:
        case dict():
            kept = {name: item for name, item in value.items() if name not in SINCE and not (name == "dispatch_id" and "alarm_id" in value)}
            return {name: without_what_came_since(item) for name, item in kept.items()}
        case list():
            return [without_what_came_since(item) for item in value]
        case _:
            return value


def as_then(packed_value: bytes) -> bytes:
    """The same for bytes."""
    return msgspec.msgpack.encode(without_what_came_since(msgspec.msgpack.decode(packed_value)))


def test_what_came_to_a_recording_since_the_oldest_contract_has_a_default() -> None:
    now, since = recorded(), set()
    for name, told in OLDEST.items():
        then = {field.rstrip("!"): field.endswith("!") for field in told.split()}
        assert name in now, f"{name} is no longer read: OLDEST_RECORDED must grow"
        fields = {field.encode_name: field.required for field in now[name].fields}
        assert then.keys() <= fields.keys(), f"{name} lost a field"
        for field, required in fields.items():
            assert then.get(field) or not required, f"{name}.{field} needs a default"
        since |= fields.keys() - then.keys()
    assert since == SINCE | {"dispatch_id"}, "the recording below must lack it too"


def test_pictures_and_events_of_contract_3_are_shown(tmp_path: Path) -> None:
    stop = StopView(dispatches=1, vehicles=412, by="ana", confirmed=362, waiting=26, silent=24)
    seen = replace(pictures.stopped(), dispatches=(pictures.first_dispatch(),), alarms=pictures.alarmed().alarms, stop=stop)
    picture = msgspec.msgpack.decode(packed(None, seen), type=Picture)
    picture = msgspec.structs.replace(picture, small=msgspec.Raw(as_then(bytes(picture.small))))
    moment = Moment(engine=seen.engine, picture=msgspec.Raw(as_then(msgspec.msgpack.encode(picture))), events=(STOPPED, RAISED))
    path = tmp_path / "a.rec"
    file = RecordingFile(path, msgspec.structs.replace(new_header(pictures.NOW_MS), contract=OLDEST_RECORDED, version="0.1.0"))
    written = as_then(msgspec.msgpack.encode(moment))
    assert not any(name.encode() in written for name in SINCE)
    file.append(0, Flag.CHAPTER | Flag.EVENT | Flag.ALARM, written)
    file.close()
    recording = Recording(path)
    shown = recording.look(0)
    recording.close()
    assert isinstance(shown.snapshot, Snapshot) and shown.snapshot.stop == stop and shown.snapshot.proposals == ()
    assert shown.snapshot.dispatches == seen.dispatches and shown.snapshot.alarms == seen.alarms
    assert shown.events == (STOPPED, RAISED) and RAISED.dispatch_id == "" and STOPPED.lease_ended == 0
