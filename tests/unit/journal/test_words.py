"""Every kind of entry that a journal can hold says in words what happened."""

from typing import get_args

import msgspec
import pytest

from tests.unit.journal import records
from v2g_console.contract.alarms import ShelvedAlarm
from v2g_console.contract.events import ApprovalAsked, ApprovalEnded, Event, HoldsStanding, RequestAccepted, Strategy
from v2g_console.contract.tags import TagKind, TagScope, TagView
from v2g_console.journal.chain import GENESIS, Content, Entry
from v2g_console.journal.encoding import contents_of, mark_content
from v2g_console.journal.marks import Mark
from v2g_console.journal.words import entry_person, entry_words

TS = "2026-11-23T13:00:00.000Z"
SHELVED = ShelvedAlarm(alarm_id="shortfall:7f3a", kind="shortfall", text="69 kW short", by="bo", until_ms=records.NOW_MS, reason="works")
TAG = TagView(tag_id="t3", kind=TagKind.INHIBIT, scope=TagScope.SITE, name="lyon-2", note="roof works", by="ines", at_ms=records.NOW_MS)


def value_of(kind: object) -> object:
    """Something that a field of that type may hold; optional ones are given."""
    if kind is ShelvedAlarm:
        return SHELVED
    if kind is TagView:
        return TAG
    plain = {str: "x7", int: 3, float: 2.5, bool: True}
    return plain.get(kind) if isinstance(kind, type) else None


def filled(kind: type[msgspec.Struct]) -> msgspec.Struct:
    """A record of that kind whose required fields are filled, as a journal would read it back."""
    fields: dict[str, object] = {"ts": TS} if "ts" in kind.__struct_fields__ else {}
    for one in msgspec.structs.fields(kind):
        if one.name == "ts" or not one.required:
            continue
        made = value_of(one.type)
        fields[one.name] = {} if made is None and "dict" in str(one.type) else () if made is None and "tuple" in str(one.type) else made
    return kind(**fields)


def entry_of(content: Content) -> Entry:
    return Entry(1, content, GENESIS)


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: str(kind.__struct_config__.tag))
def test_every_event_says_what_happened(kind: type[msgspec.Struct]) -> None:
    (content,) = contents_of(filled(kind))  # type: ignore[arg-type]  # an event
    assert len(entry_words(entry_of(content)).strip()) > 1


@pytest.mark.parametrize("kind", get_args(Mark), ids=lambda kind: str(kind.__struct_config__.tag))
def test_every_mark_says_what_happened(kind: type[msgspec.Struct]) -> None:
    content = mark_content(filled(kind), records.NOW_MS)  # type: ignore[arg-type]  # a mark
    assert len(entry_words(entry_of(content)).strip()) > 1


@pytest.mark.parametrize(
    ("event", "said", "person"),
    [
        (RequestAccepted(ts=TS, request="ack_alarm", by="ana", way="console"), "ack_alarm by ana (console)", "ana"),
        (
            ApprovalAsked(
                ts=TS,
                approval_id="a1",
                request="operate",
                by="ana",
                way="console",
                signal="FCR",
                power_kw=-900.0,
                limit_kw=500.0,
                expires_s=60,
            ),
            "ana (console) asks operate FCR ▼ 900 kW, above 500 kW: waits for a second person",
            "ana",
        ),
        (ApprovalEnded(ts=TS, approval_id="a1", outcome="rejected", by="ana", decided_by="bo"), "what ana asked is rejected by bo", "bo"),
        (ApprovalEnded(ts=TS, approval_id="a1", outcome="expired", by="ana"), "what ana asked is expired", ""),
        (HoldsStanding(ts=TS, tags=(TAG,), stopped=True, shelved=(SHELVED,), stopped_by="bo"), "STOP by bo, 1 tag, 1 shelved alarm", ""),
        (Strategy(ts=TS, dispatch_id="x", kind="lp_failure", text="no solution: smart is used"), "no solution: smart is used", ""),
    ],
)
def test_what_happened_and_who_did_it(event: Event, said: str, person: str) -> None:
    (content,) = contents_of(event)
    assert (entry_words(entry_of(content)), entry_person(entry_of(content))) == (said, person)


def test_the_state_of_a_dispatch_is_said_as_screens_say_it() -> None:
    (content,) = contents_of(msgspec.structs.replace(records.progress(), state="awaiting_acks"))
    assert "awaiting acks" in entry_words(entry_of(content))
