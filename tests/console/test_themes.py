from pathlib import Path

import pytest

from tests.console.fake_port import FakePort
from tests.console.harness import running
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.themes import BUILT_IN, DEFAULT_THEME, Palette, ThemeError, contrast, load_theme, load_themes

SHIPPED = Path(__file__).parents[2] / "themes"
GOOD = (SHIPPED / "grey-dark.yaml").read_text(encoding="utf-8")


def test_three_themes_are_shipped_and_all_can_be_read() -> None:
    shelf = load_themes([SHIPPED])
    assert set(shelf.themes) == {"grey-dark", "grey-light", "high-contrast"}
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
        (GOOD.replace("  muted:", "  mutter:"), "bad.yaml colors.mutter: unknown colour; known are background"),
        (GOOD.replace('"#d0d0d0"', "grey"), 'bad.yaml colors.foreground: expected "#rrggbb"'),
        (GOOD.replace('"#d0d0d0"', '"#202020"'), "bad.yaml colors.foreground: contrast"),
        (GOOD.replace('  muted: "#949494"\n', ""), "bad.yaml colors.muted: expected"),
        (GOOD + "extra: 1\n", "bad.yaml: unknown key 'extra'"),
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
    assert set(shelf.themes) == {"grey-dark", "grey-light", "high-contrast", "night"}
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
        "theme 'neon' is not there, grey-dark is used; known are grey-dark, grey-light, high-contrast",
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
        await pilot.press("t", "t")
        await pilot.pause()
        assert app.theme == "grey-dark"
        assert app.screen.styles.background.hex == before


async def test_a_wrong_theme_name_is_said_on_screen() -> None:
    async with running(FakePort(), options=ConsoleOptions(theme="neon")) as (app, _):
        assert app.theme == "grey-dark"
        assert any("'neon' is not there" in notice for notice in app.notices)
