"""A run without a screen, against a scripted engine and real pipes."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.attach.scripted_port import FIRST_ID, READY, TS, ScriptedPort, dispatch_event, until
from v2g_console.contract.events import (
    DispatchActive,
    DispatchCancelled,
    DispatchCompleted,
    DispatchFailed,
    LinkChanged,
    RequestAccepted,
    RequestRefused,
)
from v2g_console.contract.replies import Accepted, Refusal, Refused, Reply
from v2g_console.contract.requests import Cancel, Dispatch, Origin, Request, ResetTrust, Status, Stop, Update
from v2g_console.contract.stop import StopView
from v2g_console.headless import run as run_module
from v2g_console.headless.run import WindDown, run_headless
from v2g_console.headless.source import CommandSource
from v2g_console.headless.writer import LineWriter

DISPATCH = '{"request":"dispatch","signal":"FCR","power_kw":300,"duration_s":10}'


class Engine(ScriptedPort):
    """Takes each dispatch as `d1`, `d2`, ... and, unless told not to, completes it at once; refuses what it is told to."""

    def __init__(self, *, completes: bool = True, acknowledged_kw: float = 298.5) -> None:
        super().__init__(self._answer)
        self.completes = completes
        self.acknowledged_kw = acknowledged_kw
        self.refuses: set[type] = set()
        self.begun = 0

    async def _answer(self, request: Request, origin: Origin) -> Reply:
        name = str(request.__struct_config__.tag)
        if type(request) in self.refuses:
            refused = RequestRefused(
                ts=TS, request=name, by=origin.user, way=origin.way, reason="STOPPED", message="STOP is latched", line=int(origin.detail)
            )
            await self.emit(refused)
            return Refused(request=name, reason=Refusal.STOPPED, message="STOP is latched")
        if isinstance(request, Status) or (isinstance(request, Dispatch) and request.dry_run):
            return Accepted(request=name, result=StopView(dispatches=0, vehicles=0))
        dispatch_id = ""
        if isinstance(request, Dispatch):
            self.begun += 1
            dispatch_id = f"d{self.begun}"
        if isinstance(request, Cancel):
            dispatch_id = request.dispatch_id
        await self.emit(RequestAccepted(ts=TS, request=name, by=origin.user, way=origin.way, detail=origin.detail, dispatch_id=dispatch_id))
        if isinstance(request, Dispatch):
            await self.emit(dispatch_event(DispatchActive, dispatch_id))
            if self.completes:
                await self.emit(dispatch_event(DispatchCompleted, dispatch_id, acknowledged_kw=self.acknowledged_kw))
        if isinstance(request, Cancel):
            await self.emit(dispatch_event(DispatchCancelled, dispatch_id, acknowledged_kw=0.0))
        return Accepted(request=name, dispatch_id=dispatch_id)


class Terminal:
    """Standard input and output of a run, as pipes."""

    def __init__(self, folder: Path) -> None:
        self._commands = folder / "commands.jsonl"
        self.reading, self.writing = os.pipe()
        self.stop = asyncio.Event()
        self._open = {self.reading, self.writing}

    async def run(
        self, engine: ScriptedPort, *lines: str, listen: bool = False, ready_s: float = 5.0, wind_down: WindDown | None = None
    ) -> int:
        """Run with the given lines as commands, or with `listen` without any."""
        self._commands.write_text("\n".join(lines))
        return await asyncio.wait_for(
            run_headless(
                engine,
                None if listen else CommandSource.open(str(self._commands)),
                LineWriter(self.writing),
                min_ack_share=0.95,
                origin_user="marie",
                stop=self.stop,
                ready_s=ready_s,
                wind_down=wind_down,
            ),
            20,
        )

    def output(self) -> list[dict[str, Any]]:
        """All lines; closes the writing end."""
        self.close(self.writing)
        text = b""
        while part := os.read(self.reading, 1 << 20):
            text += part
        return [json.loads(line) for line in text.splitlines()]

    def close(self, *ends: int) -> None:
        for end in self._open.intersection(ends or (self.reading, self.writing)):
            os.close(end)
            self._open.discard(end)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


def names(lines: list[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in lines]


async def test_a_dispatch_from_the_first_line_to_the_summary(terminal: Terminal) -> None:
    engine = Engine()
    await engine.emit(READY)
    assert await terminal.run(engine, DISPATCH) == 0
    lines = terminal.output()
    assert names(lines) == ["engine.ready", "request.accepted", "dispatch.active", "dispatch.completed", "run.summary"]
    assert lines[-1] == {
        "event": "run.summary", "ts": lines[-1]["ts"], "schema": 1, "dispatches": 1, "completed": 1, "requests": 1, "refused": 0, "owed": 0,
        "exit_code": 0, "user": "", "role": "",
    }  # fmt: skip
    assert engine.requests == [(Dispatch(signal="FCR", power_kw=300, duration_s=10), Origin(user="marie", way="commands", detail="1"))]


async def test_requests_go_out_in_order_each_with_its_line_number(terminal: Terminal) -> None:
    engine = Engine()
    await engine.emit(READY)
    assert await terminal.run(engine, DISPATCH, "", '{"request":"cancel","dispatch_id":"d1"}', '{"request":"stop"}') == 0
    assert [(type(request), origin.detail) for request, origin in engine.requests] == [(Dispatch, "1"), (Cancel, "3"), (Stop, "4")]


async def test_a_dispatch_is_given_a_new_target_and_trust_is_reset(terminal: Terminal) -> None:
    engine = Engine(completes=False)
    await engine.emit(READY)
    update, reset = '{"request":"update","dispatch_id":"d1","power_kw":0}', '{"request":"reset_trust","vehicle_id":"veh1"}'
    assert await terminal.run(engine, DISPATCH, update, reset, '{"request":"cancel","dispatch_id":"d1"}') == 0
    assert [request for request, _ in engine.requests][1:3] == [Update(dispatch_id="d1", power_kw=0.0), ResetTrust(vehicle_id="veh1")]
    accepted = [line["request"] for line in terminal.output() if line["event"] == "request.accepted"]
    assert accepted == ["dispatch", "update", "reset_trust", "cancel"]


async def test_a_dispatch_that_its_own_run_cancels_is_done(terminal: Terminal) -> None:
    engine = Engine(completes=False)
    await engine.emit(READY)
    assert await terminal.run(engine, DISPATCH, '{"request":"cancel","dispatch_id":"d1"}') == 0
    assert "dispatch.cancelled" in names(terminal.output())


async def test_the_first_request_waits_until_the_engine_is_ready(terminal: Terminal) -> None:
    engine = Engine()
    running = asyncio.create_task(terminal.run(engine, DISPATCH))
    await engine.emit(LinkChanged(ts=TS, state="up", cause="none", text="", broker="tcp://127.0.0.1:1883"))
    await until(lambda: engine.polls >= 2)
    assert engine.requests == []
    await engine.emit(READY)
    assert await running == 0
    assert len(engine.requests) == 1


async def test_bad_lines_are_refused_with_their_number_and_reading_goes_on(terminal: Terminal) -> None:
    engine = Engine()
    await engine.emit(READY)
    assert await terminal.run(engine, "dispatch!", '{"request":"dance"}', "x" * 70_000, DISPATCH) == 5
    lines = terminal.output()
    refused = [line for line in lines if line["event"] == "request.refused"]
    assert [(line["line"], line["request"], line["reason"]) for line in refused] == [
        (1, "", "INVALID"),
        (2, "dance", "INVALID"),
        (3, "", "INVALID"),
    ]
    assert "dispatch.completed" in names(lines)
    assert (lines[-1]["requests"], lines[-1]["refused"], lines[-1]["exit_code"]) == (4, 3, 5)


async def test_bad_lines_do_not_wait_for_the_link(terminal: Terminal) -> None:
    assert await terminal.run(Engine(), "nonsense", ready_s=0.0) == 5


async def test_what_the_engine_refuses_is_printed_once_and_makes_exit_code_5(terminal: Terminal) -> None:
    engine = Engine()
    engine.refuses = {Dispatch}
    await engine.emit(READY)
    assert await terminal.run(engine, DISPATCH) == 5
    assert names(terminal.output()) == ["engine.ready", "request.refused", "run.summary"]


@pytest.mark.parametrize("line", ['{"request":"status"}', DISPATCH[:-1] + ',"dry_run":true}'], ids=["status", "dry run"])
async def test_the_answer_of_a_query_is_printed_with_its_result(line: str, terminal: Terminal) -> None:
    engine = Engine()
    await engine.emit(READY)
    assert await terminal.run(engine, line) == 0
    lines = terminal.output()
    assert names(lines) == ["engine.ready", "request.accepted", "run.summary"]
    assert (lines[1]["result"]["dispatches"], lines[1]["result"]["vehicles"]) == (0, 0)
    assert (lines[1]["by"], lines[1]["way"], lines[1]["detail"]) == ("marie", "commands", "1")


async def test_too_little_acknowledged_makes_exit_code_4(terminal: Terminal) -> None:
    engine = Engine(acknowledged_kw=210.0)
    await engine.emit(READY)
    assert await terminal.run(engine, DISPATCH) == 4
    assert terminal.output()[-1]["exit_code"] == 4


async def test_the_end_of_input_waits_for_all_dispatches_that_were_started(terminal: Terminal) -> None:
    engine = Engine(completes=False)
    await engine.emit(READY)
    running = asyncio.create_task(terminal.run(engine, DISPATCH, DISPATCH))
    await until(lambda: engine.begun == 2)
    await engine.emit(dispatch_event(DispatchCompleted, "d2"))
    await until(lambda: engine.all_read)
    assert not running.done()
    await engine.emit(dispatch_event(DispatchFailed, "d1", acknowledged_kw=0.0))
    assert await running == 1
    assert (terminal.output()[-1]["dispatches"], engine.begun) == (2, 2)


async def test_empty_input_ends_at_once(terminal: Terminal) -> None:
    assert await terminal.run(Engine(), ready_s=0.0) == 0
    assert names(terminal.output()) == ["run.summary"]


async def test_a_link_that_never_comes_up_makes_exit_code_3_and_says_why(terminal: Terminal, caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine()
    text = "nobody listens at tcp://127.0.0.1:1: check mqtt.broker"
    await engine.emit(LinkChanged(ts=TS, state="down", cause="refused", text=text, broker="tcp://127.0.0.1:1"))
    assert await terminal.run(engine, DISPATCH, ready_s=0.05) == 3
    assert names(terminal.output()) == ["link.changed", "run.summary"]
    assert "no link to the broker within 0.05 s" in caplog.text
    assert "nobody listens at" in caplog.text
    assert engine.requests == []


async def test_an_engine_that_goes_makes_exit_code_3(terminal: Terminal) -> None:
    engine = Engine(completes=False)
    await engine.emit(READY)
    running = asyncio.create_task(terminal.run(engine, DISPATCH))
    await until(lambda: engine.begun == 1)
    await engine.go()
    assert await running == 3
    assert terminal.output()[-1]["exit_code"] == 3


async def test_without_commands_it_runs_until_told_to_stop(terminal: Terminal) -> None:
    engine = Engine()
    await engine.emit(READY, dispatch_event(DispatchFailed, FIRST_ID))
    running = asyncio.create_task(terminal.run(engine, listen=True))
    await until(lambda: engine.polls >= 2)
    terminal.stop.set()
    assert await running == 0
    assert names(terminal.output()) == ["engine.ready", "dispatch.failed", "run.summary"]


async def test_an_interrupted_run_prints_what_happens_while_it_winds_down(terminal: Terminal) -> None:
    engine = Engine(completes=False)
    await engine.emit(READY)

    async def release() -> int:
        await engine.emit(dispatch_event(DispatchCancelled, "d1"))
        return 0

    running = asyncio.create_task(terminal.run(engine, DISPATCH, wind_down=release))
    await until(lambda: engine.begun == 1)
    terminal.stop.set()
    assert await running == 130
    lines = terminal.output()
    assert names(lines)[-2:] == ["dispatch.cancelled", "run.summary"]
    assert lines[-1]["exit_code"] == 130


@pytest.mark.parametrize("commands", [(), (DISPATCH,)])
async def test_the_summary_tells_what_is_owed_at_the_end_not_what_was_found_at_the_restart(
    terminal: Terminal, commands: tuple[str, ...]
) -> None:
    engine = Engine()
    await engine.emit(READY, dispatch_event(DispatchFailed, FIRST_ID, owed=40))

    async def release() -> int:
        return 2

    running = asyncio.create_task(terminal.run(engine, *commands, listen=not commands, wind_down=release))
    await until(lambda: engine.polls >= 2)
    if not commands:
        terminal.stop.set()
    assert await running == 0
    assert terminal.output()[-1]["owed"] == 2


async def test_an_engine_that_ends_while_winding_down_is_no_lost_link(terminal: Terminal) -> None:
    engine = Engine()
    await engine.emit(READY)

    async def go() -> int:
        await engine.go()
        return 0

    running = asyncio.create_task(terminal.run(engine, listen=True, wind_down=go))
    await until(lambda: engine.polls >= 2)
    terminal.stop.set()
    assert await running == 0
    assert names(terminal.output())[-1] == "run.summary"


async def test_an_interruption_leaves_no_request_half_way(terminal: Terminal) -> None:
    engine = Engine()
    go_on, finished = asyncio.Event(), asyncio.Event()

    async def slow(request: Request, origin: Origin) -> Reply:
        await go_on.wait()
        finished.set()
        return Accepted(request="stop")

    engine.handler = slow
    await engine.emit(READY)
    running = asyncio.create_task(terminal.run(engine, '{"request":"stop"}'))
    await until(lambda: bool(engine.requests))
    terminal.stop.set()
    assert await running == 130
    go_on.set()
    await asyncio.wait_for(finished.wait(), 30)


async def test_a_closed_output_cancels_the_dispatches_and_makes_exit_code_1(terminal: Terminal, caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine(completes=False)
    await engine.emit(READY)
    running = asyncio.create_task(terminal.run(engine, DISPATCH))
    await until(lambda: engine.begun == 1)
    terminal.close(terminal.reading)
    await engine.emit(dispatch_event(DispatchActive, "d1"))
    assert await running == 1
    assert engine.requests[-1][0] == Cancel(dispatch_id="d1")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "standard output" in caplog.text


async def test_an_output_that_is_not_read_does_not_outlast_stop(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "LAST_LINES_S", 0.02)
    engine = Engine()
    await engine.emit(*(dispatch_event(DispatchFailed, f"d{n}") for n in range(5000)))
    running = asyncio.create_task(terminal.run(engine, listen=True))
    await until(lambda: engine.polls >= 1)
    terminal.stop.set()
    assert await running == 1


PROGRAM = """
import asyncio, sys
from tests.unit.headless.test_headless_run import Engine, READY
from v2g_console.headless.logs import json_log_handler
from v2g_console.headless.run import run_headless
from v2g_console.headless.source import CommandSource
from v2g_console.headless.writer import LineWriter
import logging
logging.getLogger().addHandler(json_log_handler())

async def main():
    engine = Engine(completes=False)
    await engine.emit(READY)
    commands = CommandSource.open("-")
    return await run_headless(engine, commands, LineWriter.standard_output(), min_ack_share=0.95, origin_user="marie", stop=asyncio.Event())

sys.exit(asyncio.run(main()))
"""


async def test_a_reader_who_goes_ends_the_process_with_1_and_without_noise(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    try:
        assert process.stdin is not None
        assert b"engine.ready" in await asyncio.to_thread(os.read, reading, 65536)
        os.close(reading)
        # Standard input stays open: the thread that reads it must not keep the process.
        process.stdin.write(DISPATCH.encode() + b"\n")
        await process.stdin.drain()
        assert process.stderr is not None
        noise = await asyncio.wait_for(process.stderr.read(), 20)
        assert await asyncio.wait_for(process.wait(), 20) == 1
        lines = [json.loads(line) for line in noise.splitlines()]
        assert [line["level"] for line in lines] == ["ERROR"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_headless_loads_neither_textual_nor_rich() -> None:
    modules = "run, source, writer, logs"
    program = f"import sys; from v2g_console.headless import {modules}; sys.exit(bool({{'textual', 'rich'}} & set(sys.modules)))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await asyncio.wait_for(process.wait(), 20) == 0
