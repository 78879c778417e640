"""A recording on disk: what is in it, what is never in it, and what becomes of it when disk, engine or file fail."""

import asyncio
import errno
import os
import stat
import zlib
from dataclasses import fields, replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.console import pictures
from tests.unit.attach.recordings import ALARM, Film, LivelyPort, film
from tests.unit.attach.test_fleet_patch import grown, same
from v2g_console.attach import playback, recording
from v2g_console.attach.masking import masked_moment
from v2g_console.attach.picture import packed
from v2g_console.attach.playback import Recording
from v2g_console.attach.recorder import AGAIN_AFTER_S, CHAPTER_S, RecordingNews
from v2g_console.attach.recording import MAGIC, RECORD, TIMING, Flag, Moment, RecordingError, RecordingFile, new_header
from v2g_console.config.redact import Redactor
from v2g_console.contract import OLDEST_RECORDED
from v2g_console.contract.events import RequestAccepted
from v2g_console.contract.snapshot import Snapshot


def alike(told: Snapshot | None, made: Snapshot) -> bool:
    """Equal in everything."""
    rest = [field.name for field in fields(Snapshot) if field.name != "fleet"]
    return told is not None and same(told.fleet, made.fleet) and all(getattr(told, name) == getattr(made, name) for name in rest)


def file_of(path: Path, moments: list[tuple[int, Flag, bytes]]) -> None:
    """A file of these moments with right checksums, whatever is in them."""
    file = RecordingFile(path, new_header(pictures.NOW_MS))
    for at_ms, flags, moment in moments:
        file.append(at_ms, flags, moment)
    file.close()


def played(path: Path) -> list[Snapshot | None]:
    """Every picture of a recording, in order."""
    opened = Recording(path)
    seen = []
    index = 0
    while index < len(opened):
        shown = opened.look(index)
        if shown.index < index:
            break
        seen.append(shown.snapshot)
        index += 1
    opened.close()
    return seen


async def test_every_moment_is_as_the_engine_showed_it_in_any_order(tmp_path: Path) -> None:
    port = await film(tmp_path / "a.rec", 40)
    opened = Recording(tmp_path / "a.rec")
    assert len(opened) == 41 and not opened.damage and opened.length_ms == 20_000
    for index in [*range(40), 39, 3, 17, 0, 38]:
        assert alike(opened.look(index).snapshot, port.shown[index]), index
    opened.close()


async def test_chapters_begin_anew_and_lead_to_the_same_pictures(tmp_path: Path) -> None:
    made = Film(tmp_path / "a.rec", LivelyPort(vehicles=400))
    for minute in range(3):
        await made.take(150)
        made.port.picture = replace(made.port.picture, fleet=grown(made.port.picture.fleet, 3 + minute))
        made.now_s += CHAPTER_S
    await made.end()
    opened = Recording(made.path)
    assert len(opened._chapters) >= 3
    for index in (449, 10, 300, 151, 299):
        assert alike(opened.look(index).snapshot, made.port.shown[index]), index
    opened.close()


async def test_what_may_be_jumped_to_is_known_without_unpacking(tmp_path: Path) -> None:
    await film(tmp_path / "a.rec")
    opened = Recording(tmp_path / "a.rec")
    assert [opened.next_with(Flag.EVENT, after) for after in (-1, 4, 9, 29)] == [4, 9, 29, None]  # progress is nothing to jump to
    assert opened.next_with(Flag.ALARM, 0) == 9
    assert opened.look(9).events == (ALARM,)
    opened.close()


async def test_the_file_is_for_its_owner_alone_and_never_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    before = os.umask(0)
    try:
        await film(path, 2)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = path.read_bytes()
    with pytest.raises(RecordingError, match="never replaces one"):
        RecordingFile(path, new_header(0))
    (tmp_path / "link.rec").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordingError):
        RecordingFile(tmp_path / "link.rec", new_header(0))
    with pytest.raises(RecordingError, match="can't be made"):
        RecordingFile(tmp_path / "none" / "a.rec", new_header(0))
    assert path.read_bytes() == kept and not (tmp_path / "elsewhere").exists()


async def test_an_engine_that_goes_is_a_gap_and_its_return_begins_anew(tmp_path: Path) -> None:
    made = Film(tmp_path / "a.rec", ends_with_engine=False)
    await made.take(3)
    made.port.gone = "nobody listens at its socket, still trying"
    await made.take(5)
    made.port.gone = ""
    await made.take(2)
    made.file.close()
    opened = Recording(made.path)
    assert len(opened) == 6
    assert opened.look(3).problem == "nobody listens at its socket, still trying"
    back = opened.look(4)
    assert not back.problem and alike(back.snapshot, made.port.shown[3])
    assert opened.time_ms(4) - opened.time_ms(3) == 2500
    assert list(opened._chapters) == [0, 4]  # who came back may be another engine
    assert "breaks off" in opened.damage  # it was never ended
    opened.close()


async def test_a_full_disk_is_told_once_and_recording_goes_on_when_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Film(tmp_path / "a.rec")
    await made.take(4)
    real, full = os.write, [True]

    def write(descriptor: int, data: memoryview) -> int:
        if not full[0]:
            return real(descriptor, data)
        if len(data) > 20:
            return real(descriptor, data[:20])  # half a record fits, then nothing more
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("v2g_console.attach.recording.os.write", write)
    whole = made.path.stat().st_size
    await made.take(int(2 * AGAIN_AFTER_S) + 4)
    assert made.path.stat().st_size == whole
    assert made.news.trouble == "No space left on device"
    told = made.news.unread()
    assert len(told) == 1 and "nothing is recorded now" in told[0]
    full[0] = False
    await made.take(int(2 * AGAIN_AFTER_S) + 4)
    assert not made.news.trouble and "are missing" in made.news.unread()[0]
    await made.end()
    opened = Recording(made.path)
    assert not opened.damage and len(opened) > 8
    assert alike(opened.look(len(opened) - 2).snapshot, made.port.shown[-1])
    opened.close()


async def test_a_file_as_long_as_it_may_be_ends_the_recording_with_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Film(tmp_path / "a.rec")
    monkeypatch.setattr(recording, "LARGEST_FILE_BYTES", 20_000)
    stop = asyncio.Event()
    monkeypatch.setattr("v2g_console.attach.recorder.INTERVAL_S", 0.0)
    await asyncio.wait_for(made.recorder.run(stop), 10.0)
    made.file.close()
    assert "recording ended" in made.news.unread()[0]
    assert made.path.stat().st_size <= 20_000 and len(played(made.path)) > 1


async def test_no_secret_gets_into_the_file(tmp_path: Path) -> None:
    secret = "pässwörd-Ω7"
    port = LivelyPort()
    dispatch = msgspec.structs.replace(port.picture.dispatches[0], note=f"note {secret}")
    told = RequestAccepted(ts="t", request="note", by=secret, way="console", result=msgspec.Raw(b'{"x":1}'))
    snapshot = replace(
        port.picture,
        link=msgspec.structs.replace(port.picture.link, cause_text=f"refused: {secret}"),
        dispatches=(dispatch,),
        engine=msgspec.structs.replace(port.picture.engine, name=f"at {secret}"),
    )
    plain = Moment(
        engine=snapshot.engine,
        picture=msgspec.Raw(packed(None, snapshot)),
        events=(msgspec.structs.replace(told, result=None),),
    )
    assert b"why ***" in masked_moment(Moment(problem=f"why {secret}"), Redactor([secret]).text)
    assert secret.encode() in masked_moment(plain, lambda text: text)
    body = masked_moment(plain, Redactor([secret]).text)
    assert secret.encode() not in body
    file_of(tmp_path / "a.rec", [(0, Flag.CHAPTER, body)])
    opened = Recording(tmp_path / "a.rec")
    shown = opened.look(0)
    assert shown.snapshot is not None and shown.snapshot.link.cause_text == "refused: ***"
    assert isinstance(shown.events[0], RequestAccepted)
    opened.close()


async def test_a_cut_file_plays_up_to_the_cut_and_says_so(tmp_path: Path) -> None:
    port = await film(tmp_path / "a.rec", 12)
    whole = (tmp_path / "a.rec").read_bytes()
    before = -1
    for length in range(len(MAGIC) + 40, len(whole), 97):
        path = tmp_path / "cut.rec"
        path.write_bytes(whole[:length])
        try:
            opened = Recording(path)
        except RecordingError as error:
            assert before == -1, error
            continue
        assert ("cut off" in opened.damage or "breaks off" in opened.damage) and len(opened) - 1 >= before
        before = len(opened) - 1
        shown = opened.look(before)
        assert shown.index == before and (before > 11 or alike(shown.snapshot, port.shown[before]))
        opened.close()
    assert before >= 10


async def test_a_damaged_byte_ends_it_before_the_damage(tmp_path: Path) -> None:
    port = await film(tmp_path / "a.rec", 12)
    data = bytearray((tmp_path / "a.rec").read_bytes())
    opened = Recording(tmp_path / "a.rec")
    data[opened._starts[7] + 5] ^= 0x40
    opened.close()
    path = tmp_path / "damaged.rec"
    path.write_bytes(data)
    opened = Recording(path)
    shown = opened.look(11)
    assert shown.index == 6 and len(opened) == 7 and alike(shown.snapshot, port.shown[6])
    assert opened.damage == "damaged 0:00:03 after its start: a checksum is wrong"
    opened.close()


def test_what_is_no_recording_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    cases = {
        b"": "is no recording",
        b"hello": "is no recording",
        MAGIC + b"\xff\xff\xff\xff": "damaged at its very beginning",
        MAGIC + b"\x00\x00\x00\x01\x90" + zlib.crc32(b"\x90").to_bytes(4, "big"): "damaged at its very beginning",
    }
    for content, words in cases.items():
        path.write_bytes(content)
        with pytest.raises(RecordingError, match=words):
            Recording(path)
    path.unlink()
    file_of(path, [])
    with pytest.raises(RecordingError, match="holds no picture"):
        Recording(path)
    with pytest.raises(RecordingError, match="can't be opened"):
        Recording(tmp_path / "none")


def test_another_contract_is_refused_and_names_the_version(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    RecordingFile(path, msgspec.structs.replace(new_header(0), contract=1, version="0.0.7")).close()
    with pytest.raises(RecordingError, match=r"recorded by version 0\.0\.7 \(contract 1\)"):
        Recording(path)
    older = tmp_path / "b.rec"
    RecordingFile(older, msgspec.structs.replace(new_header(0), contract=OLDEST_RECORDED, version="0.1.0")).close()
    with pytest.raises(RecordingError, match="holds no picture"):  # its contract is read
        Recording(older)


def test_a_moment_that_unpacks_to_too_much_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.rec"
    file_of(path, [(0, Flag.CHAPTER, msgspec.msgpack.encode(Moment(problem="x" * 3_000_000)))])
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(playback, "LARGEST_MOMENT_BYTES", 1_000_000)
    with pytest.raises(RecordingError, match="too large"):
        Recording(path)


@pytest.mark.parametrize("utc_ms", [-1, 10**15, 2**62])
def test_times_in_no_year_are_damage(tmp_path: Path, utc_ms: int) -> None:
    picture = replace(pictures.normal(5), utc_ms=utc_ms)
    moment = Moment(engine=picture.engine, picture=msgspec.Raw(packed(None, picture)))
    file_of(tmp_path / "a.rec", [(0, Flag.CHAPTER, msgspec.msgpack.encode(moment))])
    with pytest.raises(RecordingError, match="nothing of it can be played"):
        Recording(tmp_path / "a.rec")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("recording") / "a.rec"
    asyncio.run(film(path, 6))
    return path.read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_file_breaks_the_reader(good: bytes, tmp_path: Path, data: st.DataObject) -> None:
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "huge"]))
        if kind == "flip":
            changed[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del changed[at : at + data.draw(st.integers(1, 60))]
        elif kind == "insert":
            changed[at:at] = data.draw(st.binary(max_size=40))
        else:
            changed[at : at + 4] = b"\xff\xff\xff\xff"
        if not changed:
            changed = bytearray(b"x")
    path = tmp_path / "fuzzed.rec"
    path.write_bytes(changed)
    _play_all(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_moment_with_a_right_checksum_breaks_the_reader(good: bytes, tmp_path: Path, data: st.DataObject) -> None:
    bodies = _bodies(good)
    at = data.draw(st.integers(0, len(bodies) - 1))
    at_ms, flags, body = bodies[at]
    spoilt = bytearray(body)
    for _ in range(data.draw(st.integers(1, 5))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    bodies[at] = (at_ms, flags, bytes(spoilt))
    path = tmp_path / "forged.rec"
    path.unlink(missing_ok=True)
    file_of(path, bodies)
    _play_all(path)


def _bodies(file: bytes) -> list[tuple[int, Flag, bytes]]:
    """Moments of a good file, unpacked."""
    at = len(MAGIC) + 4 + int.from_bytes(file[len(MAGIC) : len(MAGIC) + 4], "big") + 4
    found, inflate = [], zlib.decompressobj(recording.WBITS)
    while at < len(file):
        length, crc, at_ms, flags = RECORD.unpack(file[at : at + RECORD.size])
        body = file[at + RECORD.size : at + RECORD.size + length]
        assert zlib.crc32(TIMING.pack(at_ms, flags) + body) == crc
        if flags & Flag.CHAPTER:
            inflate = zlib.decompressobj(recording.WBITS)
        found.append((at_ms, Flag(flags), inflate.decompress(body)))
        at += RECORD.size + length
    return found


def _play_all(path: Path) -> None:
    try:
        opened = Recording(path)
    except RecordingError:
        return
    try:
        for index in (len(opened) - 1, 0, len(opened) // 2):
            shown = opened.look(index)
            assert shown.index < len(opened)
    except RecordingError as error:
        assert str(path) in str(error)
    finally:
        opened.close()


def test_news_are_read_once() -> None:
    news = RecordingNews("a.rec")
    news.say("one")
    news.say("two")
    assert news.unread() == ["one", "two"]
    assert news.unread() == []
