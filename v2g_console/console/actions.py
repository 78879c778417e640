"""The registry of actions: the one list behind keys, footer, help, palette and notifications. Knows nothing of Textual.

A handler is a method named `do_<handler>` on the screen, else on the app; it may be a coroutine. A guard returns why an action can't be
done now, or None. An action that belongs to one screen stands here too, under that screen's scope.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from v2g_console.console.model import ConsoleModel, is_active
from v2g_console.contract.snapshot import DispatchView
from v2g_console.domain.states import DispatchState

Guard = Callable[[ConsoleModel], str | None]


class Scope(StrEnum):
    """Where an action's key works. GLOBAL: on every screen that is no dialog."""

    GLOBAL = "Everywhere"
    OVERVIEW = "Overview"
    FLEET = "Fleet"
    COMPOSER = "New dispatch"
    DISPATCH = "Dispatch"
    VEHICLE = "Vehicle"
    HELP = "Help"


class Danger(Enum):
    """What an action can do to the field."""

    NONE = 0  # looks only
    ACTS = 1  # changes what vehicles do, after a preview or a confirmation
    STOPS = 2  # ends what vehicles do, after a confirmation


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do. `keys` are Textual key names, the first is the one shown; `in_fields`: works in fields and dialogs too.

    `short` is the footer's word ("" = not in the footer); `rank` orders the footer, lowest first and last to be left out.
    """

    id: str
    title: str
    keys: tuple[str, ...]
    scope: Scope
    handler: str
    short: str = ""
    rank: int = 50
    danger: Danger = Danger.NONE
    in_fields: bool = False
    in_palette: bool = True
    guard: Guard | None = None

    def blocked(self, model: ConsoleModel) -> str | None:
        """Why it can't be done now, or None."""
        return None if self.guard is None else self.guard(model)


def _writes(model: ConsoleModel) -> str | None:
    if model.snapshot is None:
        return "the engine has not answered yet: wait for the first picture"
    if model.contact().problem:
        return "the engine does not answer: see the banner"
    if model.snapshot.engine.read_only:
        return "this console is read-only: start it without --read-only to act"
    return None


def _may_compose(model: ConsoleModel) -> str | None:
    refusal = _writes(model)
    if refusal is None and model.snapshot is not None and model.snapshot.engine.stopped:
        return "STOP is latched: resume first (F9)"
    return refusal


def _may_stop(model: ConsoleModel) -> str | None:
    refusal = _writes(model)
    if refusal is None and model.snapshot is not None and model.snapshot.engine.stopped:
        return "STOP is latched already: F9 resumes"
    return refusal


def _may_resume(model: ConsoleModel) -> str | None:
    refusal = _writes(model)
    if refusal is None and model.snapshot is not None and not model.snapshot.engine.stopped:
        return "STOP is not latched: nothing to resume"
    return refusal


def _has_dispatch(model: ConsoleModel) -> str | None:
    return "no dispatch: press d for a new one" if model.selected_dispatch() is None else None


def _may_acknowledge(model: ConsoleModel) -> str | None:
    refusal = _writes(model)
    return "no alarm waits to be acknowledged" if refusal is None and model.foremost_alarm() is None else refusal


def _has_vehicle(model: ConsoleModel) -> str | None:
    return "no vehicle is selected: put the cursor on one" if model.selected_vehicle_id is None else None


def _may_retry(model: ConsoleModel) -> str | None:
    refusal = _writes(model)
    view = model.selected_dispatch()
    if refusal is not None or view is None:
        return refusal or "no dispatch to retry: press d for a new one"
    if view.state not in {DispatchState.AWAITING_ACKS, DispatchState.ACTIVE}:
        return f"{view.short_id} is {state_text(view)}: only a running dispatch can be retried"
    if view.progress.silent == 0:
        return f"{view.short_id}: no vehicle is silent, nothing to send again"
    return None


def _may_cancel(model: ConsoleModel) -> str | None:
    refusal = _writes(model)
    view = model.selected_dispatch()
    if refusal is not None or view is None:
        return refusal or "no dispatch to cancel"
    if not is_active(view):
        return f"{view.short_id} is over ({state_text(view)})"
    if view.state is DispatchState.RELEASING:
        return f"{view.short_id} is releasing its vehicles already"
    return None


def _may_update(model: ConsoleModel) -> str | None:
    refusal = _may_compose(model)
    view = model.selected_dispatch()
    if refusal is not None or view is None:
        return refusal or "no dispatch to update: press d for a new one"
    if view.state not in {DispatchState.SENDING, DispatchState.AWAITING_ACKS, DispatchState.ACTIVE}:
        return f"{view.short_id} is {state_text(view)}: only a running dispatch has a target to change"
    return None


def _may_reset_trust(model: ConsoleModel) -> str | None:
    return _writes(model) or _has_vehicle(model)


def state_text(view: DispatchView) -> str:
    """A dispatch's state in words."""
    return view.state.value.replace("_", " ")


G, O, F, C, D, V = Scope.GLOBAL, Scope.OVERVIEW, Scope.FLEET, Scope.COMPOSER, Scope.DISPATCH, Scope.VEHICLE  # noqa: E741 - one letter a column
ACTIONS: Final[tuple[Action, ...]] = (
    Action("go.overview", "Overview: the four panes", ("1", "alt+1"), G, "go_overview", "Overview", 13),
    Action("go.fleet", "Fleet: every vehicle", ("2", "alt+2"), G, "go_fleet", "Fleet", 12),
    Action("dispatch.compose", "New dispatch", ("d",), G, "compose_dispatch", "Dispatch", 10, Danger.ACTS, guard=_may_compose),
    Action(
        "dispatch.stop",
        "STOP DISPATCH: every vehicle back to its baseline",
        ("f8",),
        G,
        "stop",
        "STOP",
        0,
        Danger.STOPS,
        True,
        guard=_may_stop,
    ),
    Action(
        "dispatch.stop_here",
        "STOP DISPATCH (where no field has the focus)",
        ("s",),
        G,
        "stop",
        "",
        0,
        Danger.STOPS,
        False,
        False,
        _may_stop,
    ),
    Action("dispatch.resume", "Resume after STOP (restarts nothing)", ("f9",), G, "resume", "", 1, Danger.ACTS, guard=_may_resume),
    Action("dispatch.retry", "Retry the unacknowledged", ("r",), G, "retry_dispatch", "Retry", 20, Danger.ACTS, guard=_may_retry),
    Action(
        "dispatch.update",
        "Update the target of the selected dispatch",
        ("u",),
        G,
        "update_dispatch",
        "Update",
        22,
        Danger.ACTS,
        guard=_may_update,
    ),
    Action("dispatch.cancel", "Cancel the selected dispatch", ("c",), G, "cancel_dispatch", "Cancel", 21, Danger.STOPS, guard=_may_cancel),
    Action("alarm.ack", "Acknowledge the alarm in the banner", ("a",), G, "ack_alarm", guard=_may_acknowledge),
    Action("vehicle.open", "Open the selected vehicle", (), G, "open_vehicle", guard=_has_vehicle, in_palette=False),
    Action(
        "vehicle.trust",
        "Trust the selected vehicle again: forget its failures",
        ("T",),
        G,
        "reset_trust",
        "",
        62,
        Danger.ACTS,
        guard=_may_reset_trust,
    ),
    Action("view.theme", "Next theme", ("t",), G, "next_theme", "", 60),
    Action("view.palette", "Command palette", ("ctrl+p",), G, "palette", "", 61, in_palette=False),
    Action("view.help", "Help: the keys of this screen", ("question_mark", "f1"), G, "help", "Help", 5),
    Action("app.quit", "Quit", ("q", "ctrl+q", "ctrl+c"), G, "quit_console", "Quit", 15),
    Action(
        "overview.open", "Open the selected dispatch", ("enter",), O, "open_dispatch", "Open", 25, in_palette=False, guard=_has_dispatch
    ),
    Action("overview.filter", "Find a vehicle in the fleet", ("slash",), O, "filter_fleet", "Filter", 35),
    Action("fleet.filter", "Filter by id, site, state", ("slash",), F, "filter", "Filter", 22),
    Action("fleet.sort", "Sort by the next column", ("o",), F, "sort_next", "Sort", 23),
    Action("fleet.sort_reverse", "Turn the order round", ("O",), F, "sort_reverse", "", 24),
    Action("fleet.open", "Open the vehicle under the cursor", ("enter",), F, "open_vehicle", "Open", 25, in_palette=False),
    Action("fleet.back", "Back", ("escape",), F, "back", "", 45, in_palette=False),
    Action("composer.arm", "Arm the plan", ("enter",), C, "arm", "Arm", 10, Danger.ACTS, in_palette=False, guard=_may_compose),
    Action("composer.send", "Send the armed plan", ("f5",), C, "send", "Send", 11, Danger.ACTS, True, in_palette=False, guard=_may_compose),
    Action("composer.back", "Back without sending", ("escape",), C, "back", "Back", 12, in_palette=False),
    Action("dispatch.filter", "Filter its vehicles", ("slash",), D, "filter", "Filter", 22),
    Action("dispatch.open_vehicle", "Open the vehicle under the cursor", ("enter",), D, "open_vehicle", "Open", 25, in_palette=False),
    Action("dispatch.back", "Back", ("escape",), D, "back", "Back", 45, in_palette=False),
    Action("vehicle.back", "Back", ("escape",), V, "back", "Back", 45, in_palette=False),
    Action("help.back", "Back", ("escape", "question_mark"), Scope.HELP, "back", "Back", 45, in_palette=False),
)

_BY_ID: Final = {action.id: action for action in ACTIONS}
_KEY_NAMES: Final = {"question_mark": "?", "slash": "/", "escape": "Esc", "enter": "Enter", "space": "Space", "tab": "Tab"}


def action_of(action_id: str) -> Action:
    """The action of that id; raises KeyError for an unknown one."""
    return _BY_ID[action_id]


def actions_of(scope: Scope) -> tuple[Action, ...]:
    """The actions of one scope, in registry order."""
    return tuple(action for action in ACTIONS if action.scope is scope)


def footer_actions(scope: Scope) -> tuple[Action, ...]:
    """What a screen's footer offers: its own actions and the global ones, most important first; its own keys hide global ones."""
    own = actions_of(scope)
    here = "go.overview" if scope is Scope.OVERVIEW else "go.fleet" if scope is Scope.FLEET else ""
    taken = {key for action in own for key in action.keys}
    shared = () if scope is Scope.GLOBAL else tuple(a for a in actions_of(Scope.GLOBAL) if not taken.intersection(a.keys))
    return tuple(sorted((a for a in own + shared if a.short and a.id != here), key=lambda a: a.rank))


def key_text(key: str) -> str:
    """How a key is written for people: `F8`, `Ctrl+P`, `/`, `Shift+O`."""
    if key in _KEY_NAMES:
        return _KEY_NAMES[key]
    if len(key) == 1:
        return key
    return "+".join(part.upper() if len(part) == 1 or part[1:].isdecimal() else part.capitalize() for part in key.split("+"))
