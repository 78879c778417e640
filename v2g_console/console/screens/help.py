"""The keys of a screen and of the console, from the registry; what can't be done now says why. Below: the signs and marks."""

from collections.abc import Iterable
from typing import ClassVar

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

    def _show(self) -> None:
        text = self.query_one("#help-text", Lines)
        rows = help_rows(self.model, self.glyphs, self.about)
        if len(rows) != len(text.rows):
            text.styles.height = len(rows)
        text.show(rows)


def help_rows(model: ConsoleModel, glyphs: Glyphs, about: Scope) -> list[Content]:
    """The whole help, a line a row."""
    rows: list[Content] = []
    for scope in dict.fromkeys((about, *extra_scopes(model), Scope.GLOBAL)):
        actions = [action for action in actions_of(scope) if action.bound(model)]
        if actions and scope is not Scope.HELP:
            rows += [line((scope.value, "bold")), *(row for action in actions for row in _action_rows(action, model)), line("")]
    return [*rows, *_moving_rows(), line(""), *_mark_rows(glyphs)]


def extra_scopes(model: ConsoleModel) -> tuple[Scope, ...]:
    """Scopes whose keys work everywhere in this console, but not in every console."""
    return (*((Scope.REPLAY,) if model.replay is not None else ()), *((Scope.SITES,) if model.neighbours else ()))


def _action_rows(action: Action, model: ConsoleModel) -> list[Content]:
    keys = "  ".join(key_text(key) for key in action.bound(model)[:2])
    blocked = action.blocked(model)
    danger = _DANGER_TEXT[action.danger]
    row = line(
        "  ", (pad_text(keys, 14), "bold" if blocked is None else "$muted"), action.title, (f"  ({danger})" if danger else "", "$muted")
    )
    return [row] if blocked is None else [row, line((f"{' ' * 16}not now: {blocked}", "$muted"))]


def _moving_rows() -> list[Content]:
    moves = (
        ("Tab", "next pane or field"),
        ("Up Down", "select, move the cursor"),
        ("PgUp PgDn", "by screenfuls; Home and End to the ends"),
        ("Enter", "open what is selected"),
    )
    return [line(("Moving", "bold")), *(line("  ", (pad_text(key, 14), "bold"), what) for key, what in moves)]


def _mark_rows(glyphs: Glyphs) -> list[Content]:
    marks = (
        (f"{glyphs.up} {glyphs.down}", "up: more to the grid or less charging; down: less to the grid or more charging"),
        ("~", "stale: older than three telemetry intervals, or counted over a part of the vehicles only"),
        ("!", "lost: not heard of for ten intervals, or signed off"),
        ("?", "unknown: no telemetry yet"),
        (f"{glyphs.dot_up} {glyphs.dot_wait} {glyphs.dot_down}", "link up; connecting or suspect; down"),
        (f"H{glyphs.critical} M{glyphs.warn} L", "alarms of high, middle, low priority"),
    )
    return [line(("Signs", "bold")), *(line("  ", (pad_text(mark, 14), "bold"), what) for mark, what in marks)]
