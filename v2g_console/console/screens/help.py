"""The keys of a screen and of the console, from the registry; what can't be done now says why. Below: the signs and marks."""

from collections.abc import Iterable
from textwrap import wrap
from typing import ClassVar, Final

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Action, Danger, Scope, actions_of
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.keys import key_text
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import line, pad_text
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.snapshot import Snapshot

_INDENT_CELLS: Final = 16
_DANGER_TEXT = {Danger.NONE: "", Danger.ACTS: "acts on vehicles", Danger.STOPS: "ends what vehicles do"}


class HelpScreen(ConsoleScreen):
    """Help on the screen it was called from (`about`)."""

    scope: ClassVar[Scope] = Scope.HELP
    DEFAULT_CSS = """
    HelpScreen VerticalScroll { padding: 0 1; scrollbar-size-vertical: 1; }
    HelpScreen #help-text { height: auto; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, about: Scope) -> None:
        super().__init__(model, glyphs)
        self.about = about

    def compose_body(self) -> Iterable[Widget]:
        """One long text."""
        with VerticalScroll():
            yield Lines(id="help-text")

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Guards may have changed."""
        self._show()

    def on_mount(self) -> None:
        """Show before anything was heard, too."""
        self._show()

    def on_resize(self) -> None:
        """Break the lines for the new width."""
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        text = self.query_one("#help-text", Lines)
        rows = help_rows(self.model, self.glyphs, self.about, max(24, self.size.width - 3))
        if len(rows) != len(text.rows):
            text.styles.height = len(rows)
        text.show(rows)


def help_rows(model: ConsoleModel, glyphs: Glyphs, about: Scope, width_cells: int) -> list[Content]:
    """The whole help for that width, a line a row; what is too long goes on below."""
    rows: list[Content] = []
    for scope in dict.fromkeys((about, *extra_scopes(model), Scope.GLOBAL)):
        actions = [action for action in actions_of(scope) if action.bound(model)]
        if actions and scope is not Scope.HELP:
            rows += [
                line((scope.value, "bold")),
                *(row for action in actions for row in _action_rows(action, model, width_cells)),
                line(""),
            ]
    return [*rows, *_moving_rows(width_cells), line(""), *_mark_rows(glyphs, width_cells), line(""), *_figure_rows(width_cells)]


def extra_scopes(model: ConsoleModel) -> tuple[Scope, ...]:
    """Scopes whose keys work everywhere in this console, but not in every console."""
    return (*((Scope.REPLAY,) if model.replay is not None else ()), *((Scope.SITES,) if model.neighbours else ()))


def _action_rows(action: Action, model: ConsoleModel, width_cells: int) -> list[Content]:
    keys = "  ".join(key_text(key) for key in action.bound(model)[:2])
    blocked = action.blocked(model)
    danger = _DANGER_TEXT[action.danger]
    title = f"{action.title}  ({danger})" if danger else action.title
    rows = _folded(keys, title, width_cells, "bold" if blocked is None else "$muted")
    return rows if blocked is None else [*rows, *_folded("", f"not now: {blocked}", width_cells, "", "$muted")]


def _folded(word: str, what: str, width_cells: int, word_style: str = "bold", style: str = "") -> list[Content]:
    """A word and what it means, on as many lines as that takes; the meaning keeps its column."""
    room = max(8, width_cells - _INDENT_CELLS)
    first, *more = wrap(what, room, break_on_hyphens=False) or [""]
    head = line("  ", (pad_text(word, _INDENT_CELLS - 2), word_style), (first, style))
    return [head, *(line(" " * _INDENT_CELLS, (part, style)) for part in more)]


def _moving_rows(width_cells: int) -> list[Content]:
    moves = (
        ("Tab", "next pane or field"),
        ("Up Down", "select, move the cursor"),
        ("PgUp PgDn", "by screenfuls; Home and End to the ends"),
        ("Enter", "open what is selected"),
    )
    return [line(("Moving", "bold")), *(row for key, what in moves for row in _folded(key, what, width_cells))]


def _figure_rows(width_cells: int) -> list[Content]:
    figures = (
        ("asked", "what vehicles were last told; nothing is known to follow it yet"),
        ("acked", "what they acknowledged: promised, not measured. released: acknowledged that they are back"),
        ("kW, measured", "their own telemetry. delivered: measured, less what they would have done without us"),
        ("sent", "a vehicle's state: asked, and its answer is still to come"),
        ("let go", "taken out of a dispatch while it runs: by an INHIBIT, or by another dispatch"),
        (
            "up, down",
            "of the fleet: what free vehicles could add for 15 minutes; those in a dispatch don't count. P90: with 90 % probability",
        ),
        ("fairness", "Jain's index: 1 when all available vehicles were asked alike lately, near 0 when it was always the same few"),
        ("tracking", "0 to 1, how well a moving target is followed: the mean of correlation, delay and precision"),
    )
    return [line(("Figures", "bold")), *(row for word, what in figures for row in _folded(word, what, width_cells))]


def _mark_rows(glyphs: Glyphs, width_cells: int) -> list[Content]:
    marks = (
        (f"{glyphs.up} {glyphs.down}", "up: more to the grid or less charging; down: less to the grid or more charging"),
        ("~", "stale: older than three telemetry intervals, or counted over a part of the vehicles only"),
        ("!", "lost: no telemetry for ten intervals"),
        ("?", "unknown: no telemetry yet"),
        (f"{glyphs.dot_up} {glyphs.dot_wait} {glyphs.dot_down}", "link up; connecting or suspect; down"),
        (f"H{glyphs.critical} M{glyphs.warn} L", "alarms of high, middle, low priority"),
    )
    return [line(("Signs", "bold")), *(row for mark, what in marks for row in _folded(mark, what, width_cells))]
