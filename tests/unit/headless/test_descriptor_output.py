"""Lines out of a descriptor: slow readers, gone readers, logs."""

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.attach.scripted_port import READY, until
from v2g_console.headless.logs import JsonLogHandler, json_log_handler
from v2g_console.headless.writer import LineWriter, OutputClosedError


class Pipe:
    """A pipe whose ends may be closed once."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self._open = {self.reading, self.writing}

    def close(self, end: int) -> None:
        if end in self._open:
            self._open.discard(end)
            os.close(end)

    def read_rest(self) -> bytes:
        """Everything up to the end; closes the writing end."""
        self.close(self.writing)
        parts = []
        while part := os.read(self.reading, 1 << 20):
            parts.append(part)
        return b"".join(parts)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close(pipe.reading)
    pipe.close(pipe.writing)


async def test_events_become_flat_json_lines(pipe: Pipe) -> None:
    out = LineWriter(pipe.writing)
    await out.write(READY)
    await out.until_written()
    line = pipe.read_rest()
    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "event": "engine.ready", "ts": READY.ts, "schema": 1, "version": "0.1.0", "broker": "tcp://127.0.0.1:1883", "protocol": "MQTT 5",
        "vehicles": 200, "startup_ms": 412.0, "user": "", "role": "",
    }  # fmt: skip


async def test_a_reader_who_does_not_read_delays_writers_and_not_the_loop(pipe: Pipe) -> None:
    out = LineWriter(pipe.writing, most_bytes=4096)
    written = 0

    async def write_many() -> None:
        nonlocal written
        for _ in range(2000):
            await out.write(READY)
            written += 1

    writing = asyncio.create_task(write_many())
    # The pipe takes 64 KiB, the queue 4 KiB: far less than 2000 lines. That this returns shows that the loop is free.
    await until(lambda: written > 100)
    done, _ = await asyncio.wait({writing}, timeout=0.05)
    assert not done
    reader = asyncio.create_task(asyncio.to_thread(_read_lines, pipe.reading, 2000))
    await asyncio.wait_for(writing, 30)
    assert len(await asyncio.wait_for(reader, 30)) == 2000


def _read_lines(descriptor: int, number: int) -> list[bytes]:
    text = b""
    while text.count(b"\n") < number:
        text += os.read(descriptor, 1 << 16)
    return text.splitlines()


async def test_a_pipe_that_somebody_made_non_blocking_is_written_all_the_same(pipe: Pipe) -> None:
    os.set_blocking(pipe.writing, False)
    out = LineWriter(pipe.writing)
    reader = asyncio.create_task(asyncio.to_thread(_read_lines, pipe.reading, 1500))
    for _ in range(1500):
        await out.write(READY)
    assert len(await asyncio.wait_for(reader, 30)) == 1500


async def test_a_reader_who_goes_away_is_noticed(pipe: Pipe) -> None:
    out = LineWriter(pipe.writing)
    closed = asyncio.create_task(out.until_closed())
    pipe.close(pipe.reading)
    await out.write(READY)
    await asyncio.wait_for(closed, 30)
    assert out.closed
    with pytest.raises(OutputClosedError, match="can't write to standard output: Broken pipe"):
        await out.write(READY)
    with pytest.raises(OutputClosedError):
        await out.until_written()


async def test_a_full_disk_is_an_output_that_is_closed() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    out = LineWriter(descriptor)
    await out.write(READY)
    with pytest.raises(OutputClosedError, match="No space left"):
        await out.until_written()
    os.close(descriptor)


def test_a_process_started_without_standard_output_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stdout__", None)
    with pytest.raises(OutputClosedError, match="standard output is closed"):
        LineWriter.standard_output()


def logged(pipe: Pipe, *records: logging.LogRecord) -> list[dict[str, object]]:
    handler = JsonLogHandler(pipe.writing)
    for record in records:
        handler.handle(record)
    handler.close()
    return [json.loads(line) for line in pipe.read_rest().splitlines()]


def a_record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("v2g_console.engine.gate", logging.WARNING, "gate.py", 1, message, args, exc_info)


def test_a_log_record_is_one_json_line(pipe: Pipe) -> None:
    record = a_record("vehicle %s says\n%s", "FR-ZOE:0042", "\x1b[2J")
    record.created = 1_795_440_127.1239
    assert logged(pipe, record) == [
        {
            "ts": "2026-11-23T13:22:07.123Z",
            "level": "WARNING",
            "logger": "v2g_console.engine.gate",
            "message": "vehicle FR-ZOE:0042 says\n\x1b[2J",
        }
    ]


def test_a_traceback_stays_in_its_line(pipe: Pipe) -> None:
    (line,) = logged(pipe, a_record("journal failed", error=OSError(28, "No space left on device")))
    assert "No space left on device" in str(line["exception"])


def test_a_message_whose_arguments_do_not_fit_is_logged_without_them(pipe: Pipe) -> None:
    assert [line["message"] for line in logged(pipe, a_record("%d vehicles", "many"))] == ["%d vehicles"]


def test_a_log_that_nobody_reads_costs_lines_and_never_time(pipe: Pipe) -> None:
    handler = JsonLogHandler(pipe.writing)
    for number in range(20_000):  # some 3 MB, far more than queue and pipe hold
        handler.handle(a_record("line %d of a flood that nobody reads", number))
    text: list[bytes] = []
    reader = threading.Thread(target=lambda: text.append(_read_until(pipe.reading, b"the end")))
    reader.start()
    while not handler._writer or handler._writer.queued_bytes:
        handler.flush()
    handler.handle(a_record("the end"))
    reader.join(10)
    handler.close()
    lines = [json.loads(line)["message"] for line in text[0].splitlines()]
    kept = [line for line in lines if line.startswith("line ")]
    assert 0 < len(kept) < 20_000
    assert lines[-2:] == [f"{20_000 - len(kept)} log lines are missing: standard error was not read", "the end"]


def _read_until(descriptor: int, words: bytes) -> bytes:
    text = b""
    while words not in text or not text.endswith(b"\n"):
        text += os.read(descriptor, 1 << 20)
    return text


def test_a_process_without_standard_error_logs_into_the_void(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stderr__", None)
    handler = json_log_handler()
    handler.handle(a_record("nobody hears this"))
    handler.flush()
    handler.close()


def test_a_log_on_a_disk_that_was_full_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as good, Path("/dev/full").open("wb") as full:
        descriptor = os.dup(full.fileno())
        handler = JsonLogHandler(descriptor)
        record = logging.makeLogRecord({"levelname": "INFO", "name": "v2g_console", "msg": "lost", "created": 100.0})
        handler.emit(record)
        handler.flush()
        handler.emit(record)
        os.dup2(good.fileno(), descriptor)
        handler.emit(logging.makeLogRecord({"levelname": "INFO", "name": "v2g_console", "msg": "too soon", "created": 100.5}))
        for created in (102.0, 104.0):
            handler.emit(logging.makeLogRecord({"levelname": "INFO", "name": "v2g_console", "msg": f"again {created}", "created": created}))
            handler.flush()
        handler.close()
        os.close(descriptor)
    lines = [json.loads(line)["message"] for line in path.read_text("utf-8").splitlines() if line]
    assert lines[0].startswith("at least ")
    assert "the disk was full" in lines[0]
    assert lines[-1] == "again 104.0"
