import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from textual.worker import WorkerFailed

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, rows, running, text, until
from tests.console.test_access import approval
from v2g_console.config.settings import ConsoleSettings
from v2g_console.console import terminal
from v2g_console.console.app import ConsoleApp
from v2g_console.console.glyphs import ASCII, UNICODE, histogram, progress_bar
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.textual_private import report_without_values
from v2g_console.contract.snapshot import Snapshot

ROOT = Path(__file__).parents[2]


def prepared(environment: dict[str, str], *arguments: bool) -> dict[str, str]:
    """The environment after `prepare` in a fresh process."""
    code = f"import os, json; from v2g_console.console.terminal import prepare; prepare{arguments}; print(json.dumps(dict(os.environ)))"
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("TEXTUAL", "NO_COLOR", "ESCDELAY", "TERM"))}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    return dict(json.loads(ran.stdout))


def test_a_slow_line_gets_fewer_frames_and_sixteen_colours() -> None:
    slow = prepared({"TERM": "xterm"}, True, False, False)
    assert (slow["TEXTUAL_FPS"], slow["TEXTUAL_COLOR_SYSTEM"], slow["TEXTUAL_ANIMATIONS"]) == ("5", "standard", "none")
    assert "TEXTUAL_COLOR_SYSTEM" not in prepared({"TERM": "xterm"}, False, False, False)


def test_what_the_user_set_is_kept() -> None:
    assert prepared({"TEXTUAL_FPS": "33", "TERM": "xterm"}, True, False, False)["TEXTUAL_FPS"] == "33"


def test_an_empty_no_color_means_nothing_and_a_dumb_terminal_means_none() -> None:
    assert "NO_COLOR" not in prepared({"NO_COLOR": "", "TERM": "xterm"}, False, False, False)
    assert prepared({"NO_COLOR": "1", "TERM": "xterm"}, False, False, False)["NO_COLOR"] == "1"
    assert prepared({"TERM": "dumb"}, False, False, False)["NO_COLOR"] == "1"
    assert prepared({"TERM": "xterm"}, False, False, True)["NO_COLOR"] == "1"


def test_preparing_too_late_is_an_error() -> None:
    with pytest.raises(terminal.TextualLoadedError):
        terminal.prepare(False, False, False)


def test_options_and_preparation_load_no_textual() -> None:
    code = (
        "import sys, v2g_console.console.terminal, v2g_console.console.options; sys.exit('textual' in sys.modules or 'rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=30, check=False).returncode == 0


async def test_no_color_draws_no_colour_at_all_and_states_can_still_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    port = FakePort(pictures.alarmed())
    async with running(port) as (app, pilot):
        await pilot.press("down")
        await pilot.pause()
        styles = [segment.style for strip in app.screen._compositor.render_strips() for segment in strip if segment.style is not None]
        for style in styles:
            assert style.color is None or style.color.is_default
            assert style.bgcolor is None or style.bgcolor.is_default
        assert any(style.bold for style in styles)
        for sign in ("3H■ 2M▲ 2L", "› #81c0", "cert 6 d▲"):
            assert sign in text(app)
        await pilot.press("up")
        await pilot.pause()
        for sign in ("› #7f3a", "silent 24▲", "rejected 7✗"):
            assert sign in text(app)


@pytest.mark.parametrize("keys", [(), ("question_mark",), ("ctrl+p",), ("f8",), ("2",), ("d",), ("enter",), ("r",)], ids=str)
async def test_ascii_means_nothing_but_ascii_on_every_screen(keys: tuple[str, ...]) -> None:
    async with running(FakePort(pictures.hostile("é日本\x1b")), options=ConsoleOptions(ascii=True)) as (app, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        assert [row for row in rows(app) if not row.isascii()] == []


async def test_ascii_keeps_the_facts() -> None:
    async with running(FakePort(), options=ConsoleOptions(ascii=True)) as (app, _):
        shown = text(app)
    for fact in ("link * up", "^ 1 500 kW", "> #7f3a", "silent 24!", "rejected 7x", "+- Fleet  200 vehicles", "388/412"):
        assert fact in shown, fact


async def test_directions_are_arrows_in_ascii_whoever_wrote_them() -> None:
    port = FakePort(replace(pictures.normal(), approvals=(approval(power_kw=-500.0, allocated_kw=480.0),)))
    async with running(port, options=ConsoleOptions(ascii=True)) as (app, pilot):
        await pilot.press("A")
        await until(pilot, lambda: "FCR v 500 kW" in text(app) and "plan: ^ 480 kW" in text(app))


def test_every_sign_is_one_cell_and_signs_of_different_meaning_differ() -> None:
    for glyphs in (UNICODE, ASCII):
        assert len({glyphs.dot_up, glyphs.dot_down, glyphs.dot_wait}) == 3
        assert glyphs.up != glyphs.down and glyphs.check != glyphs.cross
    assert all(getattr(ASCII, name).isascii() for name in ASCII.__slots__ if name != "ascii")


def test_bars_and_histograms_tell_nothing_from_little_and_nearly_from_all() -> None:
    assert histogram((0, 1, 1000), UNICODE) == "▁▂█"
    assert histogram((0, 0), UNICODE) == "▁▁"
    assert progress_bar(0.999, 10, UNICODE) != "█" * 10 == progress_bar(1.0, 10, UNICODE)
    assert progress_bar(0.0, 4, ASCII) == "...." and len(progress_bar(0.37, 9, UNICODE)) == 9


def test_a_slow_line_is_never_refreshed_more_than_once_a_second() -> None:
    assert ConsoleOptions.from_settings(ConsoleSettings(low_bandwidth=True, refresh_hz=4.0)).refresh_hz == 1.0
    assert ConsoleOptions.from_settings(ConsoleSettings(refresh_hz=4.0)).refresh_hz == 4.0


def secret() -> str:
    """Made at run time, so that no line of source has it."""
    return "".join(reversed("2retnuh"))


def test_a_crash_report_has_no_values_of_variables() -> None:
    def broken(password: str) -> None:
        token = password + "-token"
        raise ValueError(f"bad \x1b[31m length {len(token)}")

    with pytest.raises(ValueError, match="bad") as caught:
        broken(secret())
    report = report_without_values(caught.value)
    assert secret() not in report and "\x1b" not in report
    assert "in broken" in report and "ValueError: bad \\x1b[31m length 13" in report


class BrokenPort(FakePort):
    """Fails in a way that nobody foresaw."""

    async def snapshot(self) -> Snapshot:
        """Break with a secret at hand."""
        password = secret()
        raise ZeroDivisionError(f"{len(password)} / 0")


async def test_a_crash_of_the_console_keeps_the_secrets() -> None:
    app = ConsoleApp(BrokenPort(), ORIGIN, ConsoleOptions())
    with pytest.raises(WorkerFailed):
        async with app.run_test() as pilot:
            await until(pilot, lambda: bool(app.crash_report))
    assert "ZeroDivisionError: 7 / 0" in app.crash_report
    shown = "".join(str(renderable) for renderable in app._exit_renderables) or app.crash_report
    assert secret() not in app.crash_report and secret() not in shown
