import asyncio
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from textual.color import Color

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import running
from v2g_console.cli.entry import exit_code
from v2g_console.console import themes, theming
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.theme_file import Palette, ThemeError, contrast, read_theme
from v2g_console.console.themes import BUILT_IN, DEFAULT_THEME, load_theme, load_themes
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.snapshot import Snapshot

SIGNS = "▲▼■✗✓~!?"
SHIPPED = Path(__file__).parents[2] / "themes"
GOOD = (SHIPPED / "grey-dark.yaml").read_text(encoding="utf-8")


NAMES = ("blue-yellow-blind", "grey-dark", "grey-light", "high-contrast", "red-green-blind")
LINEAR_SRGB = {
    # Machado, Oliveira, Fernandes 2009, severity 1.0: how such eyes see linear sRGB.
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def test_light_dark_and_colour_blind_themes_are_shipped_and_all_can_be_read() -> None:
    shelf = load_themes([SHIPPED])
    assert tuple(shelf.themes) == NAMES
    assert shelf.problems == ()


def test_the_built_in_colours_are_those_of_the_default_file() -> None:
    theme = load_theme(SHIPPED / "grey-dark.yaml")
    assert (theme.background, theme.foreground, theme.variables["critical"]) == (
        BUILT_IN.background,
        BUILT_IN.foreground,
        BUILT_IN.critical,
    )


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (GOOD.replace("name: grey-dark", "name: Grey Dark"), "bad.yaml name: expected lower-case"),
        (GOOD.replace("name: grey-dark", "name: x'); app.quit('"), "bad.yaml name: expected lower-case"),
        (GOOD.replace("dark: true", "dark: maybe"), "bad.yaml dark: expected true or false"),
        (GOOD.replace("  muted:", "  mutter:"), "bad.yaml colors.mutter: unknown colour, did you mean 'muted'? (and 1 more"),
        (GOOD.replace('"#d0d0d0"', "grey"), 'bad.yaml colors.foreground: expected "#rrggbb"'),
        (GOOD.replace('"#d0d0d0"', '"#202020"'), "bad.yaml colors.foreground: contrast"),
        (GOOD.replace('  muted: "#949494"\n', ""), "bad.yaml colors.muted: missing"),
        (GOOD.replace('"#2c2c2c"', '"#606060"'), "bad.yaml colors.foreground: contrast 4.1 to panel is under 4.5"),
        (GOOD.replace('"#38424b"', '"#808080"'), "bad.yaml colors.foreground: contrast 2.6 to selection is under 4.5"),
        (GOOD + "extra: 1\n", "bad.yaml: unknown key 'extra'; known are name, dark, colors"),
        (GOOD.replace("colors:", "colours:"), "bad.yaml: unknown key 'colours', did you mean 'colors'?"),
        ("- 1\n", "bad.yaml: expected the keys"),
        ("a: [", "bad.yaml: can't be read"),
        ("!!python/object/apply:os.system ['true']", "bad.yaml: can't be read"),
        ("\x00", "bad.yaml: can't be read"),
        ("a: 1\n" * 20_000, "bad.yaml: larger than"),
    ],
    ids=lambda part: part[:30] if part.startswith("bad.yaml") else "",
)
def test_a_bad_theme_names_file_key_and_what_is_wanted(tmp_path: Path, source: str, told: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(source, encoding="utf-8")
    with pytest.raises(ThemeError) as caught:
        load_theme(path)
    assert str(caught.value).startswith(told)


def test_a_bad_theme_costs_itself_only(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "night.yaml").write_text(GOOD.replace("grey-dark", "night"), encoding="utf-8")
    shelf = load_themes([SHIPPED, tmp_path])
    assert set(shelf.themes) == {*NAMES, "night"}
    assert len(shelf.problems) == 1


def test_a_users_theme_replaces_a_shipped_one_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD.replace("#d0d0d0", "#e0e0e0"), encoding="utf-8")
    assert load_themes([SHIPPED, tmp_path]).themes["grey-dark"].foreground == "#e0e0e0"


def test_without_any_file_there_is_still_a_theme(tmp_path: Path) -> None:
    shelf = load_themes([tmp_path, tmp_path / "nowhere"])
    assert list(shelf.themes) == [DEFAULT_THEME]
    assert shelf.problems


def test_an_unknown_name_gives_the_default_and_says_so() -> None:
    assert load_themes([SHIPPED]).choose("neon") == (
        "grey-dark",
        "theme 'neon' is not there, grey-dark is used; known are blue-yellow-blind, grey-dark, grey-light, high-contrast, red-green-blind",
    )


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_palette_has_the_colours_that_files_name() -> None:
    assert all(f"{name}:" in GOOD for name in Palette.__slots__)


async def test_t_switches_the_theme_on_the_spot() -> None:
    async with running(FakePort()) as (app, pilot):
        before = app.screen.styles.background.hex
        await pilot.press("t")
        await pilot.pause()
        assert app.theme == "grey-light"
        assert app.screen.styles.background.hex.lower() == "#eeeeee" != before
        await pilot.press("t", "t", "t", "t")
        await pilot.pause()
        assert app.theme == "grey-dark"
        assert app.screen.styles.background.hex == before


async def test_a_wrong_theme_name_is_said_on_screen() -> None:
    async with running(FakePort(), options=ConsoleOptions(theme="neon")) as (app, _):
        assert app.theme == "grey-dark"
        assert any("'neon' is not there" in notice for notice in app.notices)


def seen(color: str, eyes: str) -> np.ndarray:
    """A colour in CIE Lab as such eyes see it."""
    channels = np.array([int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    rgb = np.clip(np.array(LINEAR_SRGB[eyes]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb / (0.9505, 1.0, 1.089)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(("theme", "eyes"), [("red-green-blind", "protan"), ("red-green-blind", "deutan"), ("blue-yellow-blind", "tritan")])
def test_the_colours_that_matter_differ_for_the_eyes_a_theme_is_made_for(theme: str, eyes: str) -> None:
    palette = read_theme(SHIPPED / f"{theme}.yaml").palette
    for one, other in combinations(("critical", "warning", "foreground", "accent"), 2):
        if {one, other} != {"foreground", "accent"}:
            apart = np.linalg.norm(seen(getattr(palette, one), eyes) - seen(getattr(palette, other), eyes))
            assert apart > 30, (one, other, apart)


def test_a_check_tells_everything_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace("  muted:", "  mutter:").replace("dark: true", "dark: 3").replace('"#ff6b5e"', "red"), "utf-8")
    assert exit_code(["themes", "check", str(path)]) == ExitCode.USAGE
    told = capsys.readouterr().err
    for words in ("dark: expected true or false, got '3'", "did you mean 'muted'?", "colors.muted: missing", "colors.critical: expected"):
        assert words in told, words
    path.write_text(GOOD, "utf-8")
    assert exit_code(["themes", "check", str(path)]) == ExitCode.DONE
    assert "--theme grey-dark" in capsys.readouterr().out
    assert exit_code(["themes", "check", str(tmp_path / "nowhere.yaml")]) == ExitCode.USAGE


def test_the_list_names_files_and_where_ones_own_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(themes, "theme_folders", lambda: (SHIPPED, tmp_path))
    (tmp_path / "bad.yaml").write_text("a: [", "utf-8")
    assert exit_code(["themes", "ls"]) == ExitCode.DONE
    told = capsys.readouterr()
    assert all(name in told.out for name in NAMES) and f"your own go to {tmp_path}" in told.out
    assert "bad.yaml: can't be read" in told.err


async def test_a_theme_that_is_saved_while_in_use_is_on_screen_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(themes, "theme_folders", lambda: (SHIPPED, tmp_path))
    mine = tmp_path / "mine.yaml"
    mine.write_text(GOOD.replace("grey-dark", "mine"), "utf-8")
    async with running(FakePort(), options=ConsoleOptions(theme="mine")) as (app, pilot):
        assert app.screen.styles.background.hex.lower() == "#1c1c1c"
        await app.look_for_themes()
        assert not any("read again" in notice for notice in app.notices)
        mine.write_text(GOOD.replace("grey-dark", "mine").replace("#1c1c1c", "#101014"), "utf-8")
        await app.look_for_themes()
        await pilot.pause()
        assert app.screen.styles.background.hex.lower() == "#101014"
        mine.write_text("a: [ #", "utf-8")
        await app.look_for_themes()
        assert app.theme == "grey-dark"
        assert any("mine.yaml: can't be read" in notice for notice in app.notices)
        mine.write_text(GOOD.replace("grey-dark", "mine"), "utf-8")
        await app.look_for_themes()
        app.action_use_theme("mine")
        assert app.theme == "mine"


async def test_a_running_console_looks_for_changed_themes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def look() -> dict[Path, tuple[int, int]]:
        loop.call_soon_threadsafe(looked.set)
        return {}

    monkeypatch.setattr(theming, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(theming, "stamps", look)
    async with running(FakePort()), asyncio.timeout(10.0):
        await looked.wait()


@pytest.mark.parametrize(
    "picture", [pictures.normal, pictures.alarmed, pictures.cut, pictures.stopped], ids=lambda made: str(made.__name__)
)
async def test_a_state_is_never_told_by_colour_alone(picture: Callable[[], Snapshot]) -> None:
    """Text in a colour of warning is bold or reversed and has a sign or words; without colours the same remains."""
    async with running(FakePort(picture())) as (app, pilot):
        for keys in ((), ("2",), ("3",), ("4",), ("5",), ("7",)):
            await pilot.press(*keys)
            await pilot.pause()
            colours = {Color.parse(color).rich_color.triplet for color in (BUILT_IN.warning, BUILT_IN.critical)}
            for strip in app.screen._compositor.render_strips():
                for text, style, _ in strip:
                    if style is not None and style.color is not None and style.color.triplet in colours and text.strip(" ─│┌┐└┘▌▎█"):
                        assert any(char.isalnum() or char in SIGNS for char in text), (keys, text)
                        assert style.bold or style.reverse or any(sign in text for sign in SIGNS), (keys, text)
