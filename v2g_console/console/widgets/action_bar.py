"""The footer: the keys that matter on this screen, from the registry; what can't be done now is dimmed, and still says why when pressed."""

from dataclasses import dataclass

from textual import events
from textual.content import Content

from v2g_console.console.actions import ACTIONS, Action, Danger, Scope, footer_actions
from v2g_console.console.keys import key_text
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import Part, line
from v2g_console.console.widgets.lines import Lines


@dataclass(frozen=True, slots=True)
class _Spot:
    left: int
    right: int
    action_id: str


class ActionBar(Lines):
    """One row of keys. The most important ones survive a narrow terminal; a click does what the key does."""

    DEFAULT_CSS = """
    ActionBar { height: 1; dock: bottom; background: $panel; color: $foreground; }
    """

    def __init__(self, model: ConsoleModel, scope: Scope) -> None:
        super().__init__()
        self._model = model
        self._scope = scope
        self._spots: tuple[_Spot, ...] = ()

    def show_model(self) -> None:
        """Show which actions are possible now."""
        self.show([self._bar(self.size.width)])

    def on_resize(self) -> None:
        """Fit the new width."""
        self.show_model()

    def on_click(self, event: events.Click) -> None:
        """Do what was clicked."""
        for spot in self._spots:
            if spot.left <= event.x < spot.right:
                self.call_later(self.run_action, f"app.invoke('{spot.action_id}')")

    def _bar(self, width_cells: int) -> Content:
        chosen = fitting(footer_actions(self._scope, self._model), width_cells - 1, self._model)
        parts: list[Part] = []
        spots: list[_Spot] = []
        at = 0
        for action in chosen:
            blocked = action.blocked(self._model) is not None
            key_style, word_style = ("$muted", "$muted") if blocked else ("bold $foreground", "$foreground")
            if action.danger is Danger.STOPS and action.in_fields and not blocked:
                key_style = word_style = "bold $foreground"
            parts += [" ", (key_text(action.bound(self._model)[0]), key_style), " ", (action.short, word_style), " "]
            width = _width(action, self._model)
            spots.append(_Spot(at + 1, at + width - 1, action.id))
            at += width
        self._spots = tuple(spots)
        return line(*parts)


def fitting(candidates: tuple[Action, ...], width_cells: int, model: ConsoleModel) -> tuple[Action, ...]:
    """As many of `candidates` (most important first) as fit, in registry order, so that a key's place stays the same."""
    chosen: list[Action] = []
    left = width_cells
    for action in candidates:
        width = _width(action, model)
        if width <= left:
            chosen.append(action)
            left -= width
    return tuple(action for action in ACTIONS if action in chosen)


def _width(action: Action, model: ConsoleModel) -> int:
    return len(key_text(action.bound(model)[0])) + len(action.short) + 3
