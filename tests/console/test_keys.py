"""Keys of the configuration: read as people write them, checked, and the same in keys, footer, help, palette and sentences."""

import string
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.keys import _character_to_key

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import running, text, until
from v2g_console.cli.entry import exit_code
from v2g_console.config.settings import ConsoleSettings, KeySettings
from v2g_console.console.actions import ACTIONS, Danger, action_of
from v2g_console.console.keys import is_typed, key_name, key_text, named_keys
from v2g_console.console.keys_checks import key_findings
from v2g_console.console.keys_clashes import ALWAYS_POSSIBLE, clashes, takers_here
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.console.screens.help import HelpScreen


def entries(**keys: tuple[str, ...]) -> tuple[KeySettings, ...]:
    """`dispatch__compose=("D",)` is an entry for dispatch.compose."""
    return tuple(KeySettings(action=name.replace("__", "."), keys=given) for name, given in keys.items())


def options(**keys: tuple[str, ...]) -> ConsoleOptions:
    return ConsoleOptions.from_settings(ConsoleSettings(keys=entries(**keys)))


def said(**keys: tuple[str, ...]) -> str:
    return "\n".join(one.message for one in key_findings(entries(**keys)))


def test_a_sign_has_the_name_that_textual_gives_it() -> None:
    for char in string.ascii_letters + string.digits + string.punctuation:
        name = key_name(char)
        assert name == _character_to_key(char)
        assert name is not None and key_text(name) == char and is_typed(name)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("F6", "f6"),
        ("ctrl+N", "ctrl+n"),
        ("Alt+1", "alt+1"),
        ("alt+ctrl+x", "ctrl+alt+x"),
        ("shift+a", "A"),
        ("Esc", "escape"),
        ("PgDn", "pagedown"),
        ("ctrl+/", "ctrl+slash"),
        ("ctrl++", "ctrl+plus"),
        (" D ", "D"),
        ("question_mark", "question_mark"),
    ],
)
def test_keys_are_read_as_people_write_them(written: str, name: str) -> None:
    assert key_name(written) == name


@pytest.mark.parametrize("written", ["", "f25", "hyper+x", "ctrl+ctrl+x", "DD", "\x1b", "ctrl+", "+x", "ctrl+\x1b[31m", "\u202e", "\ud800"])
def test_what_is_no_key_is_none(written: str) -> None:
    assert key_name(written) is None or key_name(written) == "right_to_left_override"


def test_the_built_in_keys_pass_their_own_check() -> None:
    own = tuple(KeySettings(action=a.id, keys=a.keys) for a in ACTIONS if not a.id.endswith(".back") and a.id != "composer.arm" and a.keys)
    assert [one.message for one in key_findings(own)] == []
    for action in ACTIONS:
        assert all(Binding(key, "x").key == key for key in action.keys)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"dispatch__stop": ()}, "dispatch.stop can't be without a key"),
        ({"fleet__sorts": ("o",)}, "did you mean fleet.sort?"),
        ({"\x1b[31m": ("o",)}, "no action"),
        ({"fleet__back": ("b",)}, "keeps Esc"),
        ({"composer__arm": ("f6",)}, "keeps Enter"),
        ({"alarm__ack": ("blah",)}, "'blah' is no key"),
        ({"alarm__ack": ("ctrl+m",)}, "Ctrl+M is Enter in a terminal"),
        ({"alarm__ack": ("ctrl+z",)}, "suspend"),
        ({"alarm__ack": ("down",)}, "moves, writes or leaves"),
        ({"alarm__ack": ("escape",)}, "moves, writes or leaves"),
        ({"dispatch__cancel": ("y",)}, "y answers questions"),
        ({"app__quit": ("r",)}, "r answers questions"),
        ({"dispatch__stop": ("S",)}, "used in fields and dialogs"),
        ({"composer__send": ("x",)}, "used in fields and dialogs"),
        ({"dispatch__stop": ("f2",)}, "used in fields and dialogs"),
        ({"dispatch__retry": ("f8",)}, "F8 is the key of dispatch.stop everywhere"),
        ({"dispatch__compose": ("o",)}, "o is the key of fleet.sort on Fleet"),
        ({"fleet__sort": ("s",)}, "s is the key of dispatch.stop_here everywhere"),
        ({"dispatch__stop": ("f5",)}, "F5 is the key of composer.send"),
    ],
)
def test_keys_that_cannot_be_used_are_said(keys: dict[str, tuple[str, ...]], words: str) -> None:
    told = said(**keys)
    assert words in told and "\x1b" not in told


def test_named_twice_is_said_and_a_swap_is_no_clash() -> None:
    twice = (*entries(alarm__ack=("i",)), *entries(alarm__ack=("j",)))
    assert "named twice" in key_findings(twice)[0].message
    assert (
        said(dispatch__compose=("r",), dispatch__retry=("d",))
        == "r answers questions: pressed twice it would confirm what dispatch.compose asks. Choose another key"
    )
    assert said(dispatch__update=("e",), dispatch__cancel=("u",)) == ""


def test_no_key_that_opens_a_question_answers_it() -> None:
    for action in ACTIONS:
        if action.danger is not Danger.NONE:
            assert not {"y", "n"} & set(action.keys), action.id


async def test_changed_keys_work_and_show_everywhere() -> None:
    port = FakePort(pictures.stopped())
    async with running(port, (120, 60), options(dispatch__resume=("f10",), dispatch__compose=("D", "ctrl+n"), view__help=("f12",))) as (
        app,
        pilot,
    ):
        assert "F10 resumes" in text(app) and "F9" not in text(app)
        assert action_of("dispatch.compose").blocked(app.model) == "STOP is latched: resume first (F10)"
        assert app.told_of(action_of("dispatch.resume")) == "F10"
        assert "D Dispatch" in text(app).splitlines()[-1]
        await pilot.press("f9")
        await pilot.pause()
        assert not isinstance(app.screen, ChoiceDialog)
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert "D  Ctrl+N" in text(app) and "F10" in text(app)
        await pilot.press("escape", "f10")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))


async def test_a_changed_key_of_a_screen_and_of_the_composer() -> None:
    port = FakePort()
    async with running(port, options=options(composer__send=("f11",), dispatch__compose=("ctrl+n",))) as (app, pilot):
        await pilot.press("d")
        await pilot.pause()
        assert not isinstance(app.screen, ComposerScreen)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: "60 vehicles of 88 that can" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "F11 SEND" in text(app) and "F11 sends this" in text(app))


async def test_an_action_without_a_key_is_in_the_palette_only() -> None:
    async with running(FakePort(), options=options(dispatch__stop_here=(), dispatch__retry=())) as (app, pilot):
        assert "Retry" not in text(app).splitlines()[-1] and "F8 STOP" in text(app).splitlines()[-1]
        await pilot.press("s", "r")
        await pilot.pause()
        assert not isinstance(app.screen, ChoiceDialog) and not app.notices
        assert action_of("dispatch.retry") in app.offered_actions()


async def test_keys_that_cannot_be_used_leave_the_built_in_ones() -> None:
    async with running(FakePort(), options=options(dispatch__stop=(), dispatch__compose=("D",))) as (app, pilot):
        await until(pilot, lambda: any("the built-in keys hold" in notice for notice in app.notices))
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))


def test_clashes_are_found_with_a_way_out() -> None:
    here = takers_here({"TMUX": "/tmp/x,1,0", "STY": "1.pts"}, "C-p\n")
    words = [clash.words for clash in clashes(named_keys(entries(alarm__ack=("ctrl+a",))), here)]
    assert any(row.startswith("Ctrl+P (view.palette): tmux (here, prefix Ctrl+P)") for row in words)
    assert any(row.startswith("Ctrl+A (alarm.ack): GNU screen") for row in words)
    assert takers_here({}) == ()
    everywhere = [clash.words for clash in clashes({}, ALWAYS_POSSIBLE)]
    assert any("Ctrl+Q (app.quit): flow control" in row and "q or Ctrl+C does the same" in row for row in everywhere)
    assert any("Alt+2 (go.fleet)" in row and "2 does the same" in row for row in everywhere)
    assert not [clash for clash in clashes({}, takers_here({"TMUX": "x", "STY": "y"})) if clash.action.danger is not Danger.NONE]


def test_keys_ls_and_check_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("console:\n  keys:\n    - {action: dispatch.compose, keys: [D]}\n")
    assert exit_code(["keys", "ls", "-c", str(file)]) == 0
    listed = capsys.readouterr().out
    assert all(action.id in listed for action in ACTIONS)
    assert next(row for row in listed.splitlines() if row.startswith("dispatch.compose")).split()[1:3] == ["D", "*"]
    assert exit_code(["keys", "ls", "--json", "-c", str(file)]) == 0
    assert '"action":"dispatch.compose","keys":["D"]' in capsys.readouterr().out
    assert exit_code(["keys", "check", "--all", "-c", str(file)]) == 0
    assert "flow control" in capsys.readouterr().out


def test_the_configuration_check_names_the_line_of_a_wrong_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("console:\n  keys:\n    - action: dispatch.compose\n      keys: [D]\n    - action: dispatch.stop\n      keys: [x]\n")
    for command in (["config", "check"], ["keys", "check"]):
        assert exit_code([*command, "-c", str(file)]) == 2
        assert "x is used in fields and dialogs, where dispatch.stop must work too" in capsys.readouterr().err
    assert exit_code(["config", "check", "-c", str(file)]) == 2
    assert f"{file}:6 console.keys[1].keys" in capsys.readouterr().err
