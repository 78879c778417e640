"""The registry of actions: the one list behind keys, footer, help, palette and notifications. Knows nothing of Textual.

A handler is a method named `do_<handler>` on the screen, else on the app; it may be a coroutine. A guard returns why an action can't be
done now, or None. An action that belongs to one screen stands here too, under that screen's scope.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from v2g_console.console.guards import (
    has_dispatch,
    has_fleet,
    has_marks,
    has_vehicle,
    may_acknowledge,
    may_cancel,
    may_compose,
    may_decide,
    may_decide_proposal,
    may_reset_trust,
    may_resume,
    may_retry,
    may_stop,
    may_tag,
    may_unlock,
    may_update,
    writes,
)
from v2g_console.console.keys import key_text
from v2g_console.console.model import ConsoleModel
from v2g_console.console.rights import kept_back, no_stop_to_list

Guard = Callable[[ConsoleModel], str | None]


class Scope(StrEnum):
    """Where an action's key works. GLOBAL: on every screen that is no dialog."""

    GLOBAL = "Everywhere"
    OVERVIEW = "Overview"
    FLEET = "Fleet"
    COMPOSER = "New dispatch"
    DISPATCH = "Dispatch"
    VEHICLE = "Vehicle"
    DISPATCHES = "Dispatches"
    ALARMS = "Alarms"
    LINK = "MQTT link"
    JOURNAL = "Journal"
    JOURNAL_ENTRY = "Journal entry"
    OUTLOOK = "Outlook"
    HANDOVER = "Handover"
    DIAGNOSTICS = "Diagnostics"
    STOP_LIST = "STOP: who is silent"
    REPLAY = "Replay"
    SITES = "Several sites"
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

    def bound(self, model: ConsoleModel) -> tuple[str, ...]:
        """Its keys at this console: those of the configuration, else its own."""
        return model.keys.get(self.id, self.keys)

    def blocked(self, model: ConsoleModel) -> str | None:
        """Why it can't be done now, or None."""
        # Of several sites another one may be stopped by who may not stop this one: the guard looks at the rights at each.
        kept = None if model.neighbours and self.danger is Danger.STOPS and self.guard is may_stop else kept_back(self.id, model)
        return kept or (None if self.guard is None else self.guard(model))


def _list_actions(prefix: str, scope: Scope) -> tuple[Action, ...]:
    """What every list offers to take along."""
    return (
        Action(f"{prefix}.export", "Export what is listed as CSV or JSON", ("x",), scope, "export", "Export", 23),
        Action(f"{prefix}.copy", "Copy the id under the cursor", ("y",), scope, "copy", "", 32, in_palette=False),
        Action(f"{prefix}.copy_rows", "Copy the lines on screen", ("Y",), scope, "copy_rows", "", 33),
    )


G, O, F, C, D = Scope.GLOBAL, Scope.OVERVIEW, Scope.FLEET, Scope.COMPOSER, Scope.DISPATCH  # noqa: E741 - one letter a column
V, L, J, A = Scope.VEHICLE, Scope.DISPATCHES, Scope.JOURNAL, Scope.ALARMS
R = Scope.REPLAY
ACTIONS: Final[tuple[Action, ...]] = (
    Action("go.overview", "Overview: the four panes", ("1", "alt+1"), G, "go_overview", "Overview", 13),
    Action("go.fleet", "Fleet: every vehicle", ("2", "alt+2"), G, "go_fleet", "Fleet", 12),
    Action("go.dispatches", "Dispatches: active and past", ("3", "alt+3"), G, "go_dispatches", "Dispatches", 16),
    Action("go.alarms", "Alarms: active, unanswered and shelved", ("4", "alt+4"), G, "go_alarms", "Alarms", 17),
    Action("go.link", "MQTT link: connection, security, traffic, refused messages", ("5", "alt+5"), G, "go_link", "Link", 18),
    Action("go.journal", "Journal: who did what, when, with what result", ("6", "alt+6"), G, "go_journal", "Journal", 19),
    Action("go.outlook", "Outlook: what comes next, headroom and vehicles of the next day", ("7", "alt+7"), G, "go_outlook", "Outlook", 30),
    Action("go.handover", "Handover: what the next shift must know", ("H",), G, "go_handover", "", 58),
    Action("ecowatt.decide", "EcoWatt: decide on a proposal", ("E",), G, "decide_proposal", "", 56, guard=may_decide_proposal),
    Action("note.write", "Write a note for the next shift", ("N",), G, "write_note", "", 57, guard=writes),
    Action("go.diagnostics", "Diagnostics: the program itself", ("0", "alt+0"), G, "go_diagnostics", "", 59),
    Action("dispatch.compose", "New dispatch", ("d",), G, "compose_dispatch", "Dispatch", 10, Danger.ACTS, guard=may_compose),
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
        True,
        may_stop,
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
        may_stop,
    ),
    Action("dispatch.resume", "Resume after STOP (restarts nothing)", ("f9",), G, "resume", "", 1, Danger.ACTS, guard=may_resume),
    Action("stop.list", "STOP: who is silent, and what to do by hand", ("f7",), G, "stop_list", "", 2, guard=no_stop_to_list),
    Action("dispatch.retry", "Retry the unacknowledged", ("r",), G, "retry_dispatch", "Retry", 20, Danger.ACTS, guard=may_retry),
    Action(
        "dispatch.update",
        "Update the target of the selected dispatch",
        ("u",),
        G,
        "update_dispatch",
        "Update",
        22,
        Danger.ACTS,
        guard=may_update,
    ),
    Action("dispatch.cancel", "Cancel the selected dispatch", ("c",), G, "cancel_dispatch", "Cancel", 21, Danger.STOPS, guard=may_cancel),
    Action("approval.approve", "Approve what somebody else asked", ("A",), G, "approve", "", 3, Danger.ACTS, guard=may_decide),
    Action("approval.reject", "Reject what somebody else asked", ("X",), G, "reject", "", 4, Danger.ACTS, guard=may_decide),
    Action(
        "console.unlock", "Unlock: take this view-only console back into use", ("L",), G, "unlock", "", 5, Danger.ACTS, guard=may_unlock
    ),
    Action("alarm.ack", "Acknowledge the alarm in the banner", ("a",), G, "ack_alarm", guard=may_acknowledge),
    Action("vehicle.open", "Open the selected vehicle", (), G, "open_vehicle", guard=has_vehicle, in_palette=False),
    Action(
        "vehicle.trust",
        "Trust the selected vehicle again: forget its failures",
        ("T",),
        G,
        "reset_trust",
        "",
        62,
        Danger.ACTS,
        guard=may_reset_trust,
    ),
    Action("vehicle.tag", "Tag the selected vehicle, its site or the fleet", ("g",), G, "hang_tag", "", 63, Danger.ACTS, guard=may_tag),
    Action(
        "vehicle.untag",
        "Take down a tag of the selected vehicle, its site or the fleet",
        ("G",),
        G,
        "take_tag_down",
        "",
        64,
        Danger.ACTS,
        guard=may_tag,
    ),
    Action("view.theme", "Next theme", ("t",), G, "next_theme", "", 60),
    Action("view.palette", "Command palette", ("ctrl+p",), G, "palette", "", 61, in_palette=False),
    Action("view.help", "Help: the keys of this screen", ("question_mark", "f1"), G, "help", "Help", 5),
    Action("app.quit", "Quit", ("q", "ctrl+q", "ctrl+c"), G, "quit_console", "Quit", 15),
    Action("overview.open", "Open the selected dispatch", ("enter",), O, "open_dispatch", "Open", 25, in_palette=False, guard=has_dispatch),
    Action("overview.filter", "Find a vehicle in the fleet", ("slash",), O, "filter_fleet", "Filter", 35),
    Action("fleet.filter", "Filter by id, site, state", ("slash",), F, "filter", "Filter", 6),
    Action("fleet.sort", "Sort by the next column", ("o",), F, "sort_next", "Sort", 8),
    Action("fleet.sort_reverse", "Turn the order round", ("O",), F, "sort_reverse", "", 24),
    Action("fleet.open", "Open the vehicle under the cursor", ("enter",), F, "open_vehicle", "Open", 25, in_palette=False),
    Action("fleet.mark", "Mark the vehicle under the cursor, or take its mark away", ("space",), F, "mark", "Mark", 7, in_palette=False),
    Action("fleet.mark_all", "Mark all that the filter lets through", ("m",), F, "mark_all", "", 27, guard=has_fleet),
    Action("fleet.unmark_all", "Take all marks away", ("M",), F, "unmark_all", "", 28, guard=has_marks),
    Action("fleet.views", "Saved views: use, save, delete", ("v",), F, "saved_views", "Views", 14),
    Action("fleet.columns", "Choose the columns", ("l",), F, "choose_columns", "Columns", 14, guard=has_fleet),
    Action("fleet.export", "Export what is listed as CSV or JSON", ("x",), F, "export", "Export", 23, guard=has_fleet),
    Action("fleet.copy", "Copy the marked ids, or that under the cursor", ("y",), F, "copy", "", 32, guard=has_fleet),
    Action("fleet.copy_rows", "Copy the lines on screen", ("Y",), F, "copy_rows", "", 33, guard=has_fleet),
    Action("fleet.back", "Back", ("escape",), F, "back", "", 45, in_palette=False),
    Action("composer.arm", "Arm the plan", ("enter",), C, "arm", "Arm", 10, Danger.ACTS, in_palette=False, guard=may_compose),
    Action("composer.send", "Send the armed plan", ("f5",), C, "send", "Send", 11, Danger.ACTS, True, in_palette=False, guard=may_compose),
    Action("composer.back", "Back without sending", ("escape",), C, "back", "Back", 12, in_palette=False),
    Action("dispatch.filter", "Filter its vehicles", ("slash",), D, "filter", "Filter", 22),
    Action("dispatch.open_vehicle", "Open the vehicle under the cursor", ("enter",), D, "open_vehicle", "Open", 25, in_palette=False),
    *_list_actions("dispatch", D),
    Action("dispatch.back", "Back", ("escape",), D, "back", "Back", 45, in_palette=False),
    Action("vehicle.back", "Back", ("escape",), V, "back", "Back", 45, in_palette=False),
    Action("dispatches.filter", "Filter by id, signal, state, person", ("slash",), L, "filter", "Filter", 22),
    Action("dispatches.open", "Open the dispatch under the cursor", ("enter",), L, "open_dispatch", "Open", 25, in_palette=False),
    *_list_actions("dispatches", L),
    Action("dispatches.back", "Back", ("escape",), L, "back", "Back", 45, in_palette=False),
    Action("alarms.filter", "Filter by kind, state or word", ("slash",), A, "filter", "Filter", 9),
    Action("alarms.open", "Go to what the alarm under the cursor is about", ("enter",), A, "open_alarm", "Go to", 7, in_palette=False),
    Action("alarms.ack", "Acknowledge the alarm under the cursor", ("a",), A, "ack_alarm_here", "Ack", 6, guard=writes),
    Action("alarms.ack_visible", "Acknowledge all that are on screen", ("v",), A, "ack_visible", "", 23, guard=writes),
    Action("alarms.shelve", "Shelve the alarm under the cursor, with a reason", ("z",), A, "shelve_alarm", "Shelve", 8, guard=writes),
    Action("alarms.unshelve", "Take the alarm under the cursor from the shelf", ("Z",), A, "unshelve_alarm", "", 25, guard=writes),
    Action("alarms.history", "What the journal says of alarms", ("h",), A, "alarm_history", "History", 14),
    *_list_actions("alarms", A),
    Action("alarms.back", "Back", ("escape",), A, "back", "Back", 45, in_palette=False),
    Action("link.back", "Back", ("escape",), Scope.LINK, "back", "Back", 45, in_palette=False),
    Action("journal.filter", "Filter by kind:, vehicle:, signal:, dispatch: or a word", ("slash",), J, "filter", "Filter", 6),
    Action("journal.open", "Open the entry under the cursor", ("enter",), J, "open_entry", "Open", 7, in_palette=False),
    *_list_actions("journal", J),
    Action("journal.back", "Back", ("escape",), J, "back", "Back", 45, in_palette=False),
    Action("journal_entry.back", "Back", ("escape",), Scope.JOURNAL_ENTRY, "back", "Back", 45, in_palette=False),
    Action("outlook.back", "Back", ("escape",), Scope.OUTLOOK, "back", "Back", 45, in_palette=False),
    Action("handover.again", "Ask for the report again", ("r",), Scope.HANDOVER, "ask_again", "Again", 6),
    Action("handover.export", "Keep the report as a file", ("x",), Scope.HANDOVER, "export", "Export", 7),
    Action("handover.back", "Back", ("escape",), Scope.HANDOVER, "back", "Back", 45, in_palette=False),
    Action("diagnostics.back", "Back", ("escape",), Scope.DIAGNOSTICS, "back", "Back", 45, in_palette=False),
    Action("stop.export", "Export who is silent as CSV or JSON", ("x",), Scope.STOP_LIST, "export", "Export", 6, guard=no_stop_to_list),
    Action("stop.back", "Back", ("escape",), Scope.STOP_LIST, "back", "Back", 45, in_palette=False),
    Action("replay.pause", "Pause the replay, or go on; at its end from the start", ("p", "space"), R, "replay_pause"),
    Action("replay.faster", "Replay faster", ("plus", "equals_sign"), R, "replay_faster"),
    Action("replay.slower", "Replay slower", ("minus",), R, "replay_slower"),
    Action("replay.back_10s", "10 s back", ("comma",), R, "replay_back_10s"),
    Action("replay.on_10s", "10 s on", ("full_stop",), R, "replay_on_10s"),
    Action("replay.back_1min", "1 min back", ("less_than_sign",), R, "replay_back_1min"),
    Action("replay.on_1min", "1 min on", ("greater_than_sign",), R, "replay_on_1min"),
    Action("replay.next_event", "On to the next event", ("n",), R, "replay_next_event"),
    Action("replay.next_alarm", "On to the next alarm", ("ctrl+n",), R, "replay_next_alarm"),
    Action("site.choose", "Sites: all of them, and go to one", ("f6",), Scope.SITES, "choose_site", in_fields=True),
    Action("site.next", "On to the next site", ("right_square_bracket", "ctrl+right"), Scope.SITES, "next_site"),
    Action("site.previous", "Back to the site before", ("left_square_bracket", "ctrl+left"), Scope.SITES, "previous_site"),
    Action("help.back", "Back", ("escape", "question_mark"), Scope.HELP, "back", "Back", 45, in_palette=False),
)

_GOES_TO: Final = {
    Scope.OVERVIEW: "go.overview",
    Scope.FLEET: "go.fleet",
    Scope.DISPATCHES: "go.dispatches",
    Scope.ALARMS: "go.alarms",
    Scope.LINK: "go.link",
    Scope.JOURNAL: "go.journal",
    Scope.DIAGNOSTICS: "go.diagnostics",
    Scope.HANDOVER: "go.handover",
    Scope.OUTLOOK: "go.outlook",
}
_FIRST_WHEN_POSSIBLE: Final = frozenset({"dispatch.retry", "dispatch.cancel", "dispatch.update", "go.alarms"})
_SCREENS_SPAN: Final = 11
"""From the last rank of what acts on a dispatch to before the first of the screens."""
_BY_ID: Final = {action.id: action for action in ACTIONS}


def action_of(action_id: str) -> Action:
    """The action of that id; raises KeyError for an unknown one."""
    return _BY_ID[action_id]


def actions_of(scope: Scope) -> tuple[Action, ...]:
    """The actions of one scope, in registry order."""
    return tuple(action for action in ACTIONS if action.scope is scope)


def shown_key(action_id: str, model: ConsoleModel) -> str:
    """The key to name in a sentence about an action: `F9`."""
    keys = action_of(action_id).bound(model)
    return key_text(keys[0]) if keys else f"{key_text('ctrl+p')}: {action_of(action_id).title}"


def footer_actions(scope: Scope, model: ConsoleModel) -> tuple[Action, ...]:
    """What a screen's footer offers: its own actions and the global ones, most important first; its own keys hide global ones."""
    own = actions_of(scope)
    here = _GOES_TO.get(scope, "")
    taken = {key for action in own for key in action.bound(model)}
    shared = () if scope is Scope.GLOBAL else tuple(a for a in actions_of(Scope.GLOBAL) if not taken.intersection(a.bound(model)))
    offered = (a for a in own + shared if a.short and a.id != here and a.bound(model))
    return tuple(sorted(offered, key=lambda a: _rank(a, scope, model)))


def _rank(action: Action, scope: Scope, model: ConsoleModel) -> int:
    """On the overview, what can be done to a dispatch now comes before the screens that a digit leads to, all but the alarms."""
    first = scope is Scope.OVERVIEW and action.id in _FIRST_WHEN_POSSIBLE and action.blocked(model) is None
    return action.rank - _SCREENS_SPAN if first else action.rank
