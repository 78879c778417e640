"""Whose a socket is that may not be used, told to who is kept out."""

import grp
import os
from pathlib import Path

import pytest

from v2g_console.attach import ownership
from v2g_console.attach.ownership import GROUP_NAME, whose


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    socket = tmp_path / "engine.sock"
    socket.touch()
    socket.chmod(0o660)
    monkeypatch.setattr(ownership, "own_user", lambda: "ines")
    monkeypatch.setattr(ownership, "user_name", lambda _uid: "v2g")
    return socket


def group_is(name: str, members: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group((name, "x", gid, members)))


def test_the_group_of_an_installed_engine_may_be_joined(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group_is(GROUP_NAME, [], monkeypatch)
    shared = "the socket is for v2g and the members of the group v2g-console"
    assert whose(path) == f"{shared}: become one (as root: usermod -aG v2g-console ines) and sign in anew"
    group_is(GROUP_NAME, ["ines"], monkeypatch)
    assert whose(path) == f"{shared}; ines is one, but was not yet when signing in: sign in anew"


def test_nobody_is_told_to_join_another_group(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group_is("wheel", [], monkeypatch)
    assert whose(path) == "the socket is for v2g and the members of the group wheel: ask as one of them"


def test_a_folder_in_the_way_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = path.parent
    monkeypatch.setattr(os, "access", lambda place, _mode: Path(place) != closed)
    closed.chmod(0o700)
    assert whose(path).startswith(f"the folder {closed} is for v2g alone: ask as v2g, or have ")


def test_what_cant_be_found_out_is_not_guessed(tmp_path: Path) -> None:
    assert whose(tmp_path / "gone.sock") == "the socket is for its owner and the members of its group"
