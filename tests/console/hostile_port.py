"""A scripted engine with hostile text in every answer, event and row, for every pane."""

from dataclasses import replace
from enum import Enum
from typing import Any, Final, get_args

import msgspec
from msgspec import inspect

from tests.console import pictures
from tests.console.fake_port import FakePort
from v2g_console.contract.alarms import AlarmRates
from v2g_console.contract.ecowatt import ProposalView
from v2g_console.contract.events import Event
from v2g_console.contract.handover import HandoverView, NoteView, OverrideView
from v2g_console.contract.record import JournalRow
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Arm, DispatchDetail, Fleet, Forecast, Handover, JournalEntry, Plan, Request
from v2g_console.contract.snapshot import ApprovalView, Snapshot, TakenVehicles
from v2g_console.contract.stop import StopView
from v2g_console.contract.tags import TagView

BY_THE_ENGINE: Final = {"dispatch_id", "alarm_id", "approval_id", "plan_id", "ts"}
"""What nothing from outside gets into, and by which answers are found again."""
TS = "2026-11-23T14:02:07.000Z"


def tainted(value: Any, text: str) -> Any:
    """A struct of the contract, or tuples and dicts of them, with `text` for every string that is not of a closed list."""
    if isinstance(value, msgspec.Struct):
        changed = {name: tainted(getattr(value, name), text) for name in value.__struct_fields__ if name not in BY_THE_ENGINE}
        return msgspec.structs.replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(tainted(one, text) for one in value)
    if isinstance(value, dict):
        return dict.fromkeys([text], tainted(next(iter(value.values())), text)) if value else value
    return text if isinstance(value, str) and not isinstance(value, Enum) else value


def made(kind: type, text: str) -> Any:
    """A struct of the contract with `text` in every string and one entry in every list, so that a field added later is hostile too."""
    return msgspec.convert(_plain(inspect.type_info(kind), text), kind)


def _plain(kind: inspect.Type, text: str) -> Any:
    match kind:
        case inspect.StructType():
            filled = {field.encode_name: TS if field.name == "ts" else _plain(field.type, text) for field in kind.fields}
            return filled if kind.tag_field is None else filled | {kind.tag_field: kind.tag}
        case inspect.UnionType():
            return _plain(kind.types[0], text)
        case inspect.VarTupleType():
            return [_plain(kind.item_type, text)]
        case inspect.TupleType():
            return [_plain(one, text) for one in kind.item_types]
        case inspect.DictType():
            return {text: _plain(kind.value_type, text)}
        case inspect.EnumType():
            return next(iter(kind.cls)).value
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.StrType():
            return text
        case inspect.BoolType():
            return True
        case inspect.IntType() | inspect.FloatType():
            return 1
        case _:
            return None


def hostile_port(text: str, stopped: bool = True) -> FakePort:
    """`text` wherever an engine, a broker, a vehicle or a person could have put it. Not `stopped`: what acts can be asked for."""
    port = FakePort(_picture(text, stopped))
    port.journal_rows = [
        JournalRow(number=9 - n, utc_ms=pictures.NOW_MS, kind=text, dispatch_id=text, by=text, text=text) for n in range(8)
    ]
    port.event_log = [made(kind, text) for kind in get_args(Event)]

    def ordinary(request: Request) -> Reply:
        reply: Reply = tainted(port._ordinary(request), text)
        return reply

    def handover(_: Request) -> Reply:
        shown = port.picture
        report = HandoverView(
            from_ms=0, until_ms=shown.utc_ms, engine=shown.engine, link=shown.link, fleet=shown.summary,
            open_dispatches=shown.dispatches[:2], ended_dispatches=shown.dispatches[2:], alarms=shown.alarms, alarm_rates=shown.alarm_rates,
            tags=shown.tags, overrides=(made(OverrideView, text),), approvals=shown.approvals, stop=shown.stop,
            notes=(made(NoteView, text),), missing=text,
        )  # fmt: skip
        return Accepted(request="handover", result=report)

    port.answers |= dict.fromkeys((Arm, DispatchDetail, Fleet, Forecast, JournalEntry, Plan), ordinary)
    port.answers[Handover] = handover
    return port


def _picture(text: str, stopped: bool) -> Snapshot:
    """`pictures.hostile`, and what it leaves out: the past of alarms, what waits for a decision, who took vehicles, who is silent."""
    base = pictures.hostile(text)
    return replace(
        base,
        engine=msgspec.structs.replace(base.engine, stopped=stopped, allocators=(text, "smart")),
        link=msgspec.structs.replace(base.link, credentials_fault=text),
        dispatches=tuple(
            msgspec.structs.replace(
                tainted(view, text),
                taken=(made(TakenVehicles, text),),
                moved=((text, 3.0), (text, -3.0)),
                left_out={text: 3},
            )
            for view in base.dispatches
        ),
        alarms=tainted(base.alarms, text),
        alarm_rates=made(AlarmRates, text),
        tags=(made(TagView, text),),
        stop=made(StopView, text) if stopped else None,
        proposals=(msgspec.structs.replace(made(ProposalView, text), begins_ms=base.utc_ms, ends_ms=base.utc_ms + 3_600_000),),
        approvals=(msgspec.structs.replace(made(ApprovalView, text), by=f"{text} too", expires_ms=base.utc_ms + 60_000),),
    )
