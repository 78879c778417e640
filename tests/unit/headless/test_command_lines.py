"""Lines of input, from bytes to requests."""

import asyncio
import os
from pathlib import Path

import pytest

from v2g_console.contract.requests import Cancel, Dispatch, Fleet, ResetTrust, Resume, Retry, Status, Stop, Update
from v2g_console.headless.parsing import BadLine, parse_line
from v2g_console.headless.source import LONGEST_LINE_BYTES, CommandSource, InputLine, LineSplitter


def split(*chunks: bytes, longest_bytes: int = LONGEST_LINE_BYTES) -> list[InputLine]:
    splitter = LineSplitter(longest_bytes)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return [*lines, *splitter.close()]


def test_lines_are_numbered_and_blank_ones_count_but_do_not_show() -> None:
    assert split(b"a\n\n  \t\nb\r\nc") == [InputLine(1, b"a"), InputLine(4, b"b"), InputLine(5, b"c")]


def test_chunks_may_end_anywhere() -> None:
    text = b'{"request":"status"}\n{"request":"stop"}\n'
    assert split(*(text[n : n + 1] for n in range(len(text)))) == split(text)


def test_a_line_above_the_limit_is_reported_once_and_reading_goes_on() -> None:
    assert split(b"x" * 11, b"x" * 500, b"x\nok\n", longest_bytes=10) == [InputLine(1, None), InputLine(2, b"ok")]


def test_the_limit_itself_is_allowed() -> None:
    assert split(b"x" * 10 + b"\n" + b"y" * 11, longest_bytes=10) == [InputLine(1, b"x" * 10), InputLine(2, None)]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert split(b'\xef\xbb\xbf{"request":"stop"}\n') == [InputLine(1, b'{"request":"stop"}')]


async def lines_of(source: CommandSource) -> list[InputLine]:
    lines = []
    while (line := await asyncio.wait_for(source.next(), 30)) is not None:
        lines.append(line)
    assert await source.next() is None
    return lines


async def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "morning.jsonl"
    file.write_bytes(b"".join(b"%d\n" % n for n in range(1, 3001)))
    lines = await lines_of(CommandSource.open(str(file)))
    assert lines == [InputLine(n, b"%d" % n) for n in range(1, 3001)]


async def test_dev_null_has_no_lines() -> None:
    assert await lines_of(CommandSource.open("/dev/null")) == []


async def test_no_standard_input_has_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.__stdin__", None)
    assert await lines_of(CommandSource.open("-")) == []


async def test_a_folder_ends_at_once(tmp_path: Path) -> None:
    assert await lines_of(CommandSource.open(str(tmp_path))) == []


def test_a_missing_file_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        CommandSource.open(str(tmp_path / "none.jsonl"))


async def test_lines_of_a_pipe_come_as_they_are_written() -> None:
    reading, writing = os.pipe()
    source = CommandSource(reading, owns_descriptor=True)
    os.write(writing, b"first\nsec")
    assert await asyncio.wait_for(source.next(), 30) == InputLine(1, b"first")
    os.write(writing, b"ond\n")
    assert await asyncio.wait_for(source.next(), 30) == InputLine(2, b"second")
    os.close(writing)
    assert await asyncio.wait_for(source.next(), 30) is None


async def test_a_pipe_that_somebody_made_non_blocking_is_read_all_the_same() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    source = CommandSource(reading, owns_descriptor=True)
    asking = asyncio.create_task(source.next())
    await asyncio.to_thread(os.write, writing, b"late\n")
    assert await asyncio.wait_for(asking, 30) == InputLine(1, b"late")
    os.close(writing)
    assert await asyncio.wait_for(source.next(), 30) is None


async def test_a_terminal_is_read_line_by_line() -> None:
    controller, terminal = os.openpty()
    source = CommandSource(terminal, owns_descriptor=True)
    os.write(controller, b'{"request":"status"}\n')
    assert await asyncio.wait_for(source.next(), 30) == InputLine(1, b'{"request":"status"}')
    os.write(controller, b"\x04")  # Ctrl-D
    assert await asyncio.wait_for(source.next(), 30) is None
    os.close(controller)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        (b'{"request":"dispatch","signal":"FCR","power_kw":500,"duration_s":30}', Dispatch(signal="FCR", power_kw=500, duration_s=30)),
        (b'{"request":"update","dispatch_id":"7f3a","power_kw":-50}', Update(dispatch_id="7f3a", power_kw=-50)),
        (b'{"request":"cancel","dispatch_id":"7f3a"}', Cancel(dispatch_id="7f3a")),
        (b'{"request":"retry","dispatch_id":"7f3a"}', Retry(dispatch_id="7f3a")),
        (b'{"request":"stop","reason":"storm"}', Stop(reason="storm")),
        (b'{"request":"resume"}', Resume()),
        (b'{"request":"fleet","site":"depot-nord","limit":5}', Fleet(site="depot-nord", limit=5)),
        (b'{"request":"status"}', Status()),
        (b'{"request":"reset_trust","vehicle_id":"veh1"}', ResetTrust(vehicle_id="veh1")),
        (b'{"request":"reset_trust"}', ResetTrust()),
    ],
)
def test_each_request_is_understood(text: bytes, request_: object) -> None:
    assert parse_line(InputLine(1, text)) == request_


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (None, "", "longer than 64 KiB"),
        (b"dispatch FCR 500", "", "not JSON"),
        (b"{", "", "not JSON"),
        (b"\xff\xfe", "", "not JSON"),
        (b"[" * 60_000, "", ""),
        (b'{"request":' * 5_000, "", ""),
        (b"[1,2]", "", "Expected `object`"),
        (b'{"signal":"FCR"}', "", "missing required field `request`"),
        (b'{"request":5}', "", "$.request"),
        (b'{"request":"dance"}', "dance", "unknown request 'dance'"),
        (b'{"request":"plan","signal":"FCR","power_kw":5,"duration_s":30}', "plan", "plan is for screens"),
        (b'{"request":"dispatch","signal":"FCR","duration_s":30}', "dispatch", "missing required field `power_kw`"),
        (b'{"request":"dispatch","signal":"FCR","power_kw":"5","duration_s":30}', "dispatch", "$.power_kw"),
        (b'{"request":"dispatch","signal":"FCR","power_kw":1e999,"duration_s":30}', "dispatch", "$.power_kw"),
        (b'{"request":"dispatch","signal":"FCR","power_kw":5,"duration":30,"duration_s":30}', "dispatch", "unknown field `duration`"),
        (b'{"request":"stop"} {"request":"stop"}', "", "not JSON"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(text: bytes | None, name: str, words: str) -> None:
    bad = parse_line(InputLine(1, text))
    assert isinstance(bad, BadLine)
    assert bad.request == name
    assert words in bad.message


def test_a_hostile_name_is_cut_and_made_visible() -> None:
    bad = parse_line(InputLine(1, b'{"request":"\\u001b[2J\\u202e' + b"x" * 5000 + b'"}'))
    assert isinstance(bad, BadLine)
    assert len(bad.request) <= 300
    assert len(bad.message) <= 300
    assert bad.message.isprintable()
