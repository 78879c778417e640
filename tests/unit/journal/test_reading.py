"""Finding entries, telling the story of a dispatch, and exporting: the library and the command line."""

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.unit.journal import records as made
from v2g_console.cli.entry import exit_code
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.journal.head_file import head_path
from v2g_console.journal.port import JournalError, ReleaseOutcome
from v2g_console.journal.read import JournalReader
from v2g_console.journal.story import story
from v2g_console.journal.verify import verify
from v2g_console.journal.wanted import Wanted


@pytest.fixture
async def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two dispatches, FCR and MA, with what belongs to them; entries 1 (opened) to 15 (closed)."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("V2G__")]:
        monkeypatch.delenv(name)
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        await journal.commit_request(made.a_request())
        await journal.commit_round(made.a_round(1, begun=made.a_dispatch()))
        journal.note([made.active(), made.some_acks(1, n=2), made.some_acks(1, n=1, first=2, state=5)])
        await journal.commit_round(made.a_round(2, kind="release", setpoint_kw=0.0))
        journal.note([made.some_releases(ReleaseOutcome.CONFIRMED), made.ended()])
        later_ms = made.NOW_MS + 3_600_000
        await journal.commit_round(
            made.a_round(3, first=2, n=4, dispatch_id=made.OTHER, utc_ms=later_ms, begun=made.a_dispatch(made.OTHER, "MA"))
        )
        journal.note([made.active(made.OTHER, "MA")])
        await journal.commit_request(made.a_request(user='=cmd|"/c calc"!A1', outcome="stopped", detail="\x1b[31mred\u202e"))
    return path


def found(path: Path, wanted: Wanted) -> list[str]:
    with JournalReader(path) as reader:
        return [f"{entry.number} {entry.content.kind}" for entry in reader.entries(wanted)]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), list(range(1, 16))),
        (Wanted(kind="round"), [4, 8, 12]),
        (Wanted(kind="round.release"), [8]),
        (Wanted(kind="dispatch"), [3, 5, 10, 11, 13]),
        (Wanted(kind="disp"), []),
        (Wanted(kind="dispatch", without=("dispatch.active",)), [3, 10, 11]),
        (Wanted(vehicle_id="FR-LYO-00000"), [4, 6, 8, 9]),
        (Wanted(vehicle_id="FR-LYO-00002"), [4, 7, 8, 9, 12]),
        (Wanted(vehicle_id="FR-LYO-00002", kind="round", signal="MA"), [12]),
        (Wanted(vehicle_id="FR-LYO-0000"), []),
        (Wanted(signal="ma"), [11, 12, 13]),
        (Wanted(dispatch_id=made.DISPATCH), [3, 4, 5, 6, 7, 8, 9, 10]),
        (Wanted(from_ms=made.NOW_MS, until_ms=made.NOW_MS + 1), [2, 3, 4, 8, 11, 14]),
        (Wanted(vehicle_id="x' OR 1=1 --"), []),
    ],
)
def test_entries_are_found(path: Path, wanted: Wanted, numbers: list[int]) -> None:
    assert [int(one.split()[0]) for one in found(path, wanted)] == numbers
    with JournalReader(path) as reader:
        assert [entry.number for entry in reader.entries(wanted, newest_first=True)] == numbers[::-1]


def test_more_than_a_page_comes_in_order(tmp_path: Path) -> None:
    import asyncio

    async def written() -> None:
        async with made.journal_in(tmp_path / "journal.db") as journal:
            for _ in range(70):
                journal.note([made.ended()] * 10)

    asyncio.run(written())
    with JournalReader(tmp_path / "journal.db") as reader:
        assert [entry.number for entry in reader.entries()] == list(range(1, 703))


def test_the_story_of_a_dispatch(path: Path) -> None:
    with JournalReader(path) as reader:
        told = story(made.DISPATCH, reader.entries(Wanted(dispatch_id=made.DISPATCH)))
    assert told.about == made.a_dispatch()
    assert [(one.kind, one.seq) for one in told.rounds] == [("send", 1), ("release", 2)]
    assert [one.state for one in told.events] == ["active", "completed"]
    first, _, last = told.vehicles.values()
    assert (first.setpoint_kw, first.baseline_kw, first.state, first.applied_kw, first.released_kw, first.release) == (
        7.4,
        -7.4,
        3,
        7.4,
        0.0,
        2,
    )
    assert last.state == 5


async def test_a_relapse_keeps_what_a_vehicle_answered_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round(1, begun=made.a_dispatch()))
        journal.note([made.some_acks(1), made.some_releases(ReleaseOutcome.OWED)])
        await journal.commit_round(made.a_round(3, kind="relapse"))
    with JournalReader(path) as reader:
        first = next(iter(story(made.DISPATCH, reader.entries(Wanted(dispatch_id=made.DISPATCH))).vehicles.values()))
    assert (first.seq, first.setpoint_kw, first.state, first.release) == (1, 7.4, 3, ReleaseOutcome.OWED)


def test_a_dispatch_is_named_by_the_beginning_of_its_id(path: Path) -> None:
    with JournalReader(path) as reader:
        assert reader.find_dispatch("#6f1d") == made.DISPATCH
        for unknown in ("7", "", "zz", "%"):
            with pytest.raises(JournalError, match=r"no dispatch|several dispatches"):
                reader.find_dispatch(unknown)


def test_ls_shows_the_newest_and_nothing_a_terminal_would_obey(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["journal", "ls", "--file", str(path), "--limit", "3"]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["NUMBER", "13", "14", "15"]
    assert "operate by =cmd" in lines[2]
    assert "\\x1b[31mred\\u202e" in lines[2]


def test_ls_filters_and_speaks_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["journal", "ls", "--file", str(path), "--json", "--kind", "acks", "--vehicle", "FR-LYO-00002", "--signal", "FCR"]
    assert exit_code([*arguments, "--dispatch", "6f1d", "--from", "2026-11-23T13:00:00Z", "--until", "2026-11-23T15:00:00+01:00"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert (entry["number"], entry["kind"], entry["ts"]) == (7, "acks", "2026-11-23T13:00:00.080Z")
    assert entry["record"]["vehicle_ids"] == ["FR-LYO-00002"]
    assert entry["record"]["applied_kw"] == [None]
    assert len(entry["hash"]) == 64


def test_show_tells_a_dispatch(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["journal", "show", "6f1d", "--file", str(path)]) == ExitCode.DONE
    out = capsys.readouterr().out
    for part in (made.DISPATCH, "FCR", "by ines (console), smart", "2 acked, 1 rejected", "3 confirmed", "completed", "send", "release"):
        assert part in out, part
    assert exit_code(["journal", "show", "ffff", "--file", str(path)]) == ExitCode.FAILED
    assert "no dispatch begins with 'ffff': `v2g-console journal ls` lists" in capsys.readouterr().err


def test_verify_says_ok_with_the_head_and_its_exit_code_says_not(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["journal", "verify", "--file", str(path)]) == ExitCode.DONE
    first, second = capsys.readouterr().out.splitlines()
    assert first == "ok: 15 entries checked, from 1 to 15"
    assert second == f"head {verify(path).head}"
    assert exit_code(["journal", "verify", "--file", str(path), "--head", second.removeprefix("head ")]) == ExitCode.DONE
    assert exit_code(["journal", "verify", "--file", str(path), "--head", "15:" + "ab" * 32]) == ExitCode.FAILED
    assert "names another entry 15" in capsys.readouterr().out
    assert exit_code(["journal", "verify", "--file", str(path), "--head", "15"]) == ExitCode.USAGE


def test_export_as_csv_has_a_row_a_vehicle_and_no_formula(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert exit_code(["journal", "export", "--file", str(path), "--format", "csv", "-o", str(target)]) == ExitCode.DONE
    rows = list(csv.DictReader(target.read_text().splitlines()))
    sends = [row for row in rows if row["kind"] == "round.send" and row["dispatch_id"] == made.DISPATCH]
    assert [(row["vehicle_id"], row["setpoint_kw"], row["baseline_kw"]) for row in sends] == [
        ("FR-LYO-00000", "7.4", "-7.4"),
        ("FR-LYO-00001", "7.4", "-3.7"),
        ("FR-LYO-00002", "7.4", "0.0"),
    ]
    assert [(row["state"], row["applied_kw"]) for row in rows if row["kind"] == "acks"] == [("ACKED", "7.4")] * 2 + [("REJECTED", "")]
    assert {row["state"] for row in rows if row["kind"] == "releases"} == {"CONFIRMED"}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "@"))]


def test_export_as_json_lines_has_every_entry(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["journal", "export", "--file", str(path)]) == ExitCode.DONE
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["number"] for entry in entries] == list(range(1, 16))
    assert entries[3]["record"]["setpoint_kw"] == [7.4, 7.4, 7.4]
    assert all(entry["unreadable"] is None for entry in entries)


def test_the_journal_is_found_by_the_configuration(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path.parent / "config.yaml").write_text("journal:\n  backend: sqlite\n  path: journal.db\n")
    assert exit_code(["journal", "verify"]) == ExitCode.DONE
    assert "15 entries" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ls", "--file", "nowhere.db"], ExitCode.FAILED, "there is no journal nowhere.db"),
        (["ls", "--file", "journal.db", "--from", "yesterday"], ExitCode.USAGE, "--from: expected a time with its zone"),
        (["ls", "--file", "journal.db", "--from", "2026-11-23T14:00:00"], ExitCode.USAGE, "--from: expected a time with its zone"),
        (["ls", "--file", "journal.db", "--last", "1h", "--from", "2026-11-23T14:00:00Z"], ExitCode.USAGE, "both say where to begin"),
        (["export", "--file", "config.txt"], ExitCode.FAILED, "not a database"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    path: Path, arguments: list[str], code: ExitCode, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (path.parent / "config.txt").write_text("no database " * 100)
    assert exit_code(["journal", *arguments]) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_reading_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    found(path, Wanted())
    verify(path)
    assert path.read_bytes() == before


def test_a_journal_nobody_may_write_to_can_be_read(path: Path) -> None:
    """Such as a copy on a read-only disk: no log and no index of it can be made beside it."""
    # Root may write anywhere, so it becomes nobody first.
    script = (
        "import os, sys; from pathlib import Path; from v2g_console.journal.verify import verify\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "print(verify(Path(sys.argv[1])).entries)"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in (path, head_path(path)):
            (folder / file.name).write_bytes(file.read_bytes())
            (folder / file.name).chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", script, str(folder / path.name)], capture_output=True, text=True, timeout=60, check=False
        )
        folder.chmod(0o700)
    assert done.stdout == "15\n", done.stderr
