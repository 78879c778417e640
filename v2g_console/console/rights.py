"""What each action asks of the engine, and so which role it needs; and what a locked console keeps back."""

from typing import Final

from v2g_console.console.model import ConsoleModel
from v2g_console.console.view_lock import LOCKED_TEXT
from v2g_console.contract.requests import LOOKS_ONLY
from v2g_console.contract.snapshot import ApprovalView

ASKS: Final[dict[str, tuple[str, ...]]] = {
    "dispatch.compose": ("plan", "arm", "operate"),
    "composer.arm": ("arm",),
    "composer.send": ("operate",),
    "dispatch.stop": ("stop",),
    "dispatch.stop_here": ("stop",),
    "dispatch.resume": ("resume",),
    "dispatch.retry": ("retry",),
    "dispatch.update": ("update",),
    "dispatch.cancel": ("cancel",),
    "alarm.ack": ("ack_alarm",),
    "alarms.ack": ("ack_alarm",),
    "alarms.ack_visible": ("ack_alarm",),
    "alarms.shelve": ("shelve_alarm",),
    "alarms.unshelve": ("unshelve_alarm",),
    "note.write": ("note",),
    "ecowatt.decide": ("ecowatt_dismiss",),
    "vehicle.trust": ("reset_trust",),
    "vehicle.tag": ("tag",),
    "vehicle.untag": ("untag",),
    "approval.approve": ("approve",),
    "approval.reject": ("reject",),
    "console.unlock": ("unlock",),
    "go.journal": ("journal",),
}
"""Names of requests by action. An action that can change anything must stand here; a test checks that."""

_LOOKING: Final = frozenset(str(kind.__struct_config__.tag) for kind in LOOKS_ONLY)
_THROUGH_THE_LOCK: Final = frozenset({"stop", "unlock"})


def kept_back(action_id: str, model: ConsoleModel) -> str | None:
    """Why this person at this console may not do it, or None. Knows nothing of the state of engine and dispatches."""
    missing, asks = role_missing(action_id, model), ASKS.get(action_id, ())
    if missing is not None or not asks or model.snapshot is None:
        return missing
    if model.view_lock.locked and not _LOOKING.issuperset(asks) and not _THROUGH_THE_LOCK.issuperset(asks):
        from v2g_console.console.actions import shown_key

        return f"{LOCKED_TEXT} ({shown_key('console.unlock', model)})"
    return None


def role_missing(action_id: str, model: ConsoleModel) -> str | None:
    """Which role this person would need for it, or None."""
    if model.snapshot is None:
        return None
    engine = model.snapshot.engine
    needed = next((engine.denied[name] for name in ASKS.get(action_id, ()) if name in engine.denied), None)
    return None if needed is None else f"needs the role {needed}, and {engine.user} is {engine.role}"


def decidable(model: ConsoleModel) -> tuple[ApprovalView, ...]:
    """What waits for a second person and was asked by somebody else than who sits here."""
    if model.snapshot is None:
        return ()
    return tuple(one for one in model.snapshot.approvals if one.by != model.snapshot.engine.user)


def nothing_to_decide(model: ConsoleModel) -> str | None:
    """Why there is nothing to approve or reject for this person, or None."""
    if decidable(model):
        return None
    own = () if model.snapshot is None else model.snapshot.approvals
    return (
        "what waits was asked by you: another supervisor decides, `v2g-console cancel` takes it back"
        if own
        else "no request waits for approval"
    )


def lock_is_open(model: ConsoleModel) -> str | None:
    """Why there is nothing to unlock, or None."""
    return None if model.view_lock.locked else "this console is not locked"


def no_proposal(model: ConsoleModel) -> str | None:
    """Why there is no proposal of EcoWatt to decide on, or None."""
    return None if model.snapshot is not None and model.snapshot.proposals else "EcoWatt proposes nothing that waits for a decision"


def no_stop_to_list(model: ConsoleModel) -> str | None:
    """Why there is nobody to list who owes a release, or None."""
    if model.snapshot is None:
        return "the engine has not answered yet: wait for the first picture"
    if not model.snapshot.engine.stopped and not model.snapshot.summary.owed:
        return "STOP is not latched, and no vehicle owes a release"
    return None
