"""A scripted engine with hostile text in every answer, event and row, for every pane."""

from dataclasses import replace

import msgspec

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.forecasts import forecast
from v2g_console.contract.events import AlarmRaised, LinkChanged, OperatorNote
from v2g_console.contract.handover import HandoverView, NoteView, OverrideView
from v2g_console.contract.record import JournalEntryView, JournalRow
from v2g_console.contract.replies import Accepted, DispatchDetailView, Reply
from v2g_console.contract.requests import DispatchDetail, Forecast, Handover, JournalEntry, Request
from v2g_console.contract.tags import TagKind, TagScope, TagView

TS = "2026-11-23T14:02:07.000Z"


def hostile_port(text: str) -> FakePort:
    """`text` wherever an engine, a broker, a vehicle or a person could have put it."""
    tag = TagView(tag_id="t1", kind=TagKind.INHIBIT, scope=TagScope.SITE, name=text, note=text, by=text, at_ms=pictures.NOW_MS)
    port = FakePort(replace(pictures.hostile(text), tags=(tag,)))
    port.journal_rows = [
        JournalRow(number=9 - n, utc_ms=pictures.NOW_MS, kind=text, dispatch_id=text, by=text, text=text) for n in range(8)
    ]
    port.event_log = [
        LinkChanged(ts=TS, state=text, cause=text, text=text, broker=text),
        AlarmRaised(ts=TS, alarm_id="a1", kind=text, priority=1, text=text, response=text),
        OperatorNote(ts=TS, by=text, way=text, text=text),
    ]

    def handover(_: Request) -> Reply:
        shown = port.picture
        report = HandoverView(
            from_ms=0, until_ms=shown.utc_ms, engine=shown.engine, link=shown.link, fleet=shown.summary,
            open_dispatches=shown.dispatches[:2], ended_dispatches=shown.dispatches[2:], alarms=shown.alarms, alarm_rates=shown.alarm_rates,
            tags=shown.tags, overrides=(OverrideView(vehicle_id=text, left_s=None),), approvals=(), stop=None,
            notes=(NoteView(utc_ms=shown.utc_ms, by=text, text=text),), missing=text,
        )  # fmt: skip
        return Accepted(request="handover", result=report)

    def detail(_: Request) -> Reply:
        shown = port.picture
        rows = tuple(
            msgspec.structs.replace(row, vehicle_id=f"{text}{n}", reason=text, reason_text=text, release=text)
            for n, row in enumerate(pictures.command_rows(shown, shown.dispatches[0]))
        )
        return Accepted(request="dispatch_detail", result=DispatchDetailView(dispatch=shown.dispatches[0], total=len(rows), rows=rows))

    port.answers |= {
        Handover: handover,
        DispatchDetail: detail,
        Forecast: lambda _: Accepted(request="forecast", result=msgspec.structs.replace(forecast(pictures.normal()), engine=text)),
        JournalEntry: lambda _: Accepted(request="journal_entry", result=JournalEntryView(number=9, json=text)),
    }
    return port
