"""Which credentials the next attempt is made with, by what the broker said to the last ones."""

import logging
import os
from pathlib import Path

import pytest

from v2g_console.config.settings import AuthMethod, MqttSettings
from v2g_console.contract.link import LinkCause
from v2g_console.transport.causes import LinkEnd
from v2g_console.transport.connect_options import TransportConfigError, checked_address
from v2g_console.transport.keeper import CredentialKeeper

REFUSED = LinkEnd(LinkCause.AUTH, "the broker refused the password")
AWAY = LinkEnd(LinkCause.REFUSED, "nothing listens")


class Place:
    """A password file and who keeps it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "password"
        self.write("one")
        settings = MqttSettings(auth_method=AuthMethod.USERNAME_PASSWORD, username="engine", password_file=self.file)
        self.keeper = CredentialKeeper(settings, checked_address(settings))

    def write(self, password: str) -> None:
        """Replace the file as programs do: another one in its place."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(password)
        fresh.replace(self.file)

    async def next(self) -> str:
        """The password of the next attempt."""
        return (await self.keeper.choose()).password or ""


@pytest.fixture
async def proven(tmp_path: Path) -> Place:
    """The broker has taken the first password."""
    place = Place(tmp_path)
    place.keeper.worked(await place.keeper.choose())
    return place


async def test_before_the_first_success_every_attempt_reads_the_files(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert not place.keeper.failed(await place.keeper.choose(), REFUSED)
    place.write("two")
    assert await place.next() == "two"
    assert not await place.keeper.changed(), "there is no connection to make anew"
    place.file.unlink()
    with pytest.raises(TransportConfigError, match="can't read"):
        await place.keeper.choose()


async def test_a_change_is_believed_when_two_looks_agree(proven: Place) -> None:
    assert not await proven.keeper.changed()
    proven.write("two")
    assert not await proven.keeper.changed()
    proven.write("three")  # still being written
    assert not await proven.keeper.changed()
    assert await proven.keeper.changed()
    assert await proven.next() == "three"


async def test_a_refused_password_gives_way_at_once_and_is_not_tried_again_until_it_changes(
    proven: Place, caplog: pytest.LogCaptureFixture
) -> None:
    proven.write("two")
    two = await proven.keeper.choose()
    assert proven.keeper.failed(two, REFUSED), "try the other one now"
    assert proven.keeper.fault == "the broker refused the password"
    one = await proven.keeper.choose()
    assert one.password == "one"
    proven.keeper.worked(one)
    assert proven.keeper.fault, "the file is still not what is used"
    assert not await proven.keeper.changed()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    proven.write("three")
    assert [await proven.keeper.changed(), await proven.keeper.changed()] == [False, True]
    proven.keeper.worked(await proven.keeper.choose())
    assert proven.keeper.fault == ""
    assert await proven.next() == "three"


async def test_where_neither_does_they_take_turns(proven: Place) -> None:
    proven.write("two")
    tried = []
    for _ in range(4):
        used = await proven.keeper.choose()
        tried.append(used.password)
        proven.keeper.failed(used, REFUSED)
    assert tried == ["two", "one", "two", "one"]


async def test_a_broker_that_is_away_says_nothing_about_credentials(proven: Place) -> None:
    proven.write("two")
    assert not proven.keeper.failed(await proven.keeper.choose(), AWAY)
    assert proven.keeper.fault == ""
    assert await proven.next() == "two"


async def test_a_file_that_has_gone_or_is_closed_to_us_leaves_the_old_one_in_use_until_it_is_back(proven: Place) -> None:
    text = proven.file.read_text()
    kept = proven.file.stat()
    proven.file.unlink()
    assert [await proven.keeper.changed(), await proven.keeper.changed()] == [False, False]
    assert "can't read" in proven.keeper.fault
    assert await proven.next() == "one"
    proven.file.write_text(text)
    os.utime(proven.file, ns=(kept.st_atime_ns, kept.st_mtime_ns + 1))
    assert [await proven.keeper.changed(), await proven.keeper.changed()] == [False, True]


async def test_going_back_to_the_old_file_clears_the_fault(proven: Place) -> None:
    aside = proven.file.with_suffix(".old")
    proven.file.rename(aside)
    proven.write("two")
    assert proven.keeper.failed(await proven.keeper.choose(), REFUSED)
    aside.rename(proven.file)
    assert not await proven.keeper.changed()
    assert proven.keeper.fault == ""
