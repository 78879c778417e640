"""One line on every screen of a replay: where it is, how fast it goes, which keys move it."""

from datetime import UTC, datetime

from textual.content import Content

from v2g_console.console.glyphs import Glyphs, progress_bar
from v2g_console.console.replay import ReplayPort, ReplayStatus
from v2g_console.console.safe_text import Part, line
from v2g_console.console.widgets.lines import Lines

_BAR_CELLS = 16
_KEYS = "p pause  +/- speed  ,/. 10 s  </> 1 min  n event  Ctrl+N alarm"
_FEW_KEYS = "p +/- ,/. </> n"


class ReplayBar(Lines):
    """Shows that this is a recording, and its time; never hidden, so that nobody takes it for the present."""

    DEFAULT_CSS = """
    ReplayBar { height: 1; background: $panel; color: $foreground; }
    """

    def __init__(self, replay: ReplayPort, glyphs: Glyphs) -> None:
        super().__init__()
        self._replay = replay
        self._glyphs = glyphs

    def show_replay(self) -> None:
        """Show where the replay is now."""
        self.show([replay_line(self._replay.status(), self.size.width or self.app.size.width, self._glyphs)])

    def on_resize(self) -> None:
        """Fit the new width."""
        self.show_replay()


def replay_line(status: ReplayStatus, width_cells: int, glyphs: Glyphs) -> Content:
    """As much of it as fits; the date, the place and what it does come first."""
    share = status.at_ms / status.length_ms if status.length_ms else 1.0
    at, length, doing = place_text(status.at_ms), place_text(status.length_ms), doing_text(status)
    style = "bold $warning" if status.damage and status.ended else "bold"
    mark: Part = (" REPLAY ", "bold reverse")
    dated: list[Part] = [mark, f" {date_text(status.utc_ms)}  {at} of {length} "]
    bar: Part = (progress_bar(share, _BAR_CELLS, glyphs), "$accent")
    candidates: tuple[list[Part], ...] = (
        [*dated, bar, "  ", (doing, style), f"  {_KEYS}"],
        [*dated, bar, "  ", (doing, style), f"  {_FEW_KEYS}"],
        [*dated, " ", (doing, style), f"  {_FEW_KEYS}"],
        [*dated, " ", (doing, style)],
        [mark, f" {at}/{length} ", (doing, style)],
        [mark, " ", (doing, style)],
    )
    fitting = (shown for shown in (line(*parts) for parts in candidates) if shown.cell_length <= width_cells)
    return next(fitting, line(mark, " ", (doing, style)).truncate(width_cells, ellipsis=True))


def doing_text(status: ReplayStatus) -> str:
    """`playing x1`, `paused`, `END`, and what is wrong with the file once it is at its end."""
    if status.ended:
        return f"END: {status.damage}" if status.damage else "END"
    return f"paused x{status.speed:g}" if status.paused else f"playing x{status.speed:g}"


def date_text(utc_ms: int) -> str:
    """`2026-11-23`; the time is in the header."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d")


def place_text(at_ms: int) -> str:
    """`0:12:30` from the start."""
    minutes, seconds = divmod(at_ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
