"""When a dispatch starts, as people write it: with day and zone, never silently another day or zone than they meant."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from v2g_console.domain.start_time import parse_start, start_text


@pytest.fixture(autouse=True)
def in_paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("written", "now", "meant"),
    [
        ("18:30", "2026-11-23T13:00:00+01:00", "2026-11-23 18:30:00+01:00"),
        (" 9:05:07 ", "2026-11-23T08:00:00+01:00", "2026-11-23 09:05:07+01:00"),
        ("18:30", "2026-11-23T19:00:00+01:00", "2026-11-24 18:30:00+01:00"),
        ("18:30", "2026-11-23T18:30:40+01:00", "2026-11-23 18:30:00+01:00"),  # this very minute is now, not tomorrow
        ("18:30", "2026-07-01T13:00:00+02:00", "2026-07-01 18:30:00+02:00"),
        ("08:00", "2026-10-24T20:00:00+02:00", "2026-10-25 08:00:00+01:00"),  # summer time ends in between
        ("08:00", "2026-03-28T20:00:00+01:00", "2026-03-29 08:00:00+02:00"),
        ("00:10", "2026-12-31T23:50:00+01:00", "2027-01-01 00:10:00+01:00"),
        ("2026-11-23T18:30:00Z", "2026-11-23T13:00:00+01:00", "2026-11-23 18:30:00Z"),
        ("18:30Z", "2026-11-23T19:00:00+01:00", "2026-11-23 18:30:00Z"),  # as the screens show it
        ("00:10:05z", "2026-11-24T00:50:00+01:00", "2026-11-24 00:10:05Z"),  # UTC has its own day
        ("2026-11-23T18:30:00.250+05:30", "2026-11-23T12:00:00+01:00", "2026-11-23 18:30:00+05:30"),
    ],
)
def test_a_start_is_the_next_such_moment_with_day_and_zone(written: str, now: str, meant: str) -> None:
    assert start_text(parse_start(written, at(now))) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "24:00",
        "12:60",
        "12:00:60",
        "12.30",
        "24:00Z",
        "18:30ZZ",
        "-1:00",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9" * 400,
        "１８:３０x",
        "\x1b[2J",
    ],
)
def test_what_is_no_time_says_what_is_expected(written: str) -> None:
    with pytest.raises(ValueError, match=r"expected 18:30|has passed"):
        parse_start(written, at("2026-11-23T13:00:00+01:00"))


@pytest.mark.parametrize(
    ("written", "said"), [("2026-11-23T18:30:00", "names no zone"), ("2026-11-23T11:00:00Z", "2026-11-23 11:00:00Z has passed")]
)
def test_no_zone_and_a_moment_that_has_passed_are_refused(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_start(written, datetime(2026, 11, 23, 13, tzinfo=UTC).timestamp())
