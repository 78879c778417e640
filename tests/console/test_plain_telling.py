"""What the line-oriented console tells: what happens, in one sentence each, and nothing that a terminal could obey."""

import ast
import asyncio
from pathlib import Path
from typing import get_args

import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import TURNS
from tests.console.plain_talk import Talk, talk
from tests.unit.attach.recordings import ALARM
from tests.unit.attach.scripted_port import TS, dispatch_event
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.plain import announcing, looking
from v2g_console.console.plain.announcing import announcement
from v2g_console.contract.events import DispatchCompleted, DispatchProgress, Event, LinkChanged, OperatorNote, StopLatched


async def test_what_happens_is_told_as_it_comes() -> None:
    port = FakePort(pictures.quiet())
    events: list[Event] = [
        dispatch_event(DispatchProgress),
        dispatch_event(DispatchCompleted),
        ALARM,
        LinkChanged(ts=TS, state="down", cause="cut", text="connection cut: check the broker", broker="b"),
        StopLatched(ts=TS, by="ines", way="cli", reason="smoke", dispatches=1, vehicles=60),
        OperatorNote(ts=TS, by="\x1b[2Jana", way="cli", text="hums"),
    ]
    talked = Talk([], port)

    async def tick() -> None:
        port.event_log.extend(events)
        await talked.console.tick()

    await talked.console.tick()
    await tick()
    told = talked.out.getvalue()
    assert told.splitlines() == [
        "13:02:07Z Dispatch #018f FCR up 300 kW: completed, 59 of 60 acknowledged, 1 silent, SHORT 2 kW",
        "14:02:12Z ALARM a7, medium: ack rate of #7f3a is 91 %. To do: retry",
        "13:02:07Z LINK down: connection cut: check the broker",
        "13:02:07Z STOP by ines: 1 dispatch ended, 60 vehicles back to their baseline",
        "13:02:07Z Note by \\x1b[2Jana: hums",
    ]


async def test_dropped_events_are_told_once_each_time_more_are_missing() -> None:
    talked = Talk([], FakePort(pictures.quiet()))
    for dropped in (0, 3, 3, 4):
        talked.console.model.events_dropped = dropped
        await talked.console.tick()
    assert talked.out.getvalue().splitlines() == [
        "3 events were dropped before this console saw them: the journal has them.",
        "1 event was dropped before this console saw them: the journal has them.",
    ]


async def test_an_attached_console_tells_news_and_no_history() -> None:
    port = FakePort(pictures.quiet())
    port.event_log.append(ALARM)
    talked = Talk([], port, ConsoleOptions(attached="/run/engine.sock", refresh_hz=0.001))
    await talked.console.tick()
    assert talked.out.getvalue() == ""
    port.event_log.append(ALARM)
    await talked.console.tick()
    assert talked.out.getvalue().count("ALARM a7") == 1


async def test_an_engine_that_goes_and_comes_back_is_told_once_each() -> None:
    talked = Talk([], FakePort(pictures.quiet()))
    await talked.console.tick()
    for gone in ("it hung up", "it hung up", "", ""):
        talked.port.gone = gone
        await talked.console.tick()
    assert talked.out.getvalue().splitlines() == ["ENGINE GONE: it hung up. What was told before is old.", "The engine is back."]


async def test_an_engine_that_hangs_is_told_while_it_hangs_and_old_figures_are_called_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2g_console.console.plain.console.LOOK_AGAIN_S", 0.01)
    talked = Talk([], FakePort(pictures.quiet()))
    await talked.console.tick()
    talked.port.gate = asyncio.Event()
    talked.clock.now_s += 5.0
    ticking = asyncio.create_task(talked.console.tick())
    for _ in range(TURNS):
        if "ENGINE SILENT" in talked.out.getvalue():
            break
        await asyncio.sleep(0.01)
    await looking.dispatches(talked.console, [])
    talked.port.gate.set()
    await ticking
    assert talked.out.getvalue().splitlines() == [
        "ENGINE SILENT for 00:05. What was told before is old.",
        "This is 00:05 old: the engine does not answer.",
        "No dispatch.",
        "The engine is back.",
    ]


def test_every_event_is_told_or_left_out_on_purpose() -> None:
    source = Path(announcing.__file__).read_text("utf-8")
    named = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    assert {kind.__name__ for kind in get_args(Event)} <= named
    assert announcement(dispatch_event(DispatchProgress)) == ""


async def test_hostile_text_is_written_as_visible_ascii() -> None:
    for text in pictures.HOSTILE:
        port = FakePort(pictures.hostile(text))
        vehicle = port.picture.fleet.ids[0]
        told = await talk(
            "status", "fleet", f"vehicle {vehicle!r}", "dispatches", "alarms", "link", "tag", "approvals", "handover", "silent",
            port=port, options=ConsoleOptions(ascii=True, refresh_hz=0.001),
        )  # fmt: skip
        assert all(char == "\n" or " " <= char <= "~" for char in told)
        plain = await talk("status", "fleet", "dispatches", "alarms", "link", port=FakePort(pictures.hostile(text)))
        assert all(char == "\n" or char.isprintable() for char in plain)
