"""Guards of actions: why something can't be done now, in words for the operator, or None. Each looks at the model and nothing else."""

from v2g_console.console.model import ConsoleModel, is_active, state_text
from v2g_console.console.rights import kept_back, lock_is_open, no_proposal, nothing_to_decide
from v2g_console.domain.states import DispatchState


def writes(model: ConsoleModel) -> str | None:
    """Why nothing can be asked that changes anything, or None."""
    if model.replay is not None:
        return "this is a recording, read-only: nothing can be sent"
    if model.snapshot is None:
        return "the engine has not answered yet: wait for the first picture"
    if model.contact().problem:
        return "the engine does not answer: see the banner"
    if model.snapshot.engine.read_only:
        return "this console is read-only: start it without --read-only to act"
    return None


def may_compose(model: ConsoleModel) -> str | None:
    """Why no dispatch can be planned, armed or sent, or None."""
    refusal = writes(model)
    if refusal is None and model.snapshot is not None and model.snapshot.engine.stopped:
        return f"STOP is latched: resume first ({_key('dispatch.resume', model)})"
    return refusal


def may_stop(model: ConsoleModel) -> str | None:
    """Of several sites one that can be stopped is enough: the dialog says which."""
    refusal = may_stop_here(model)
    return None if any(may_stop_here(one) is None for one in model.neighbours) else refusal


def may_stop_here(model: ConsoleModel) -> str | None:
    """Why this person can't stop this engine now, or None."""
    refusal = kept_back("dispatch.stop", model) or writes(model)
    if refusal is None and model.snapshot is not None and model.snapshot.engine.stopped:
        return f"STOP is latched already: {_key('dispatch.resume', model)} resumes"
    return refusal


def may_resume(model: ConsoleModel) -> str | None:
    """Why there is nothing to resume, or None."""
    refusal = writes(model)
    if refusal is None and model.snapshot is not None and not model.snapshot.engine.stopped:
        return "STOP is not latched: nothing to resume"
    return refusal


def has_dispatch(model: ConsoleModel) -> str | None:
    """Why there is no dispatch to open, or None."""
    return None if model.selected_dispatch() is not None else _no_dispatch(model, "no dispatch")


def _no_dispatch(model: ConsoleModel, what: str) -> str:
    if model.no_dispatch_here or (kept_back("dispatch.compose", model) or may_compose(model)) is not None:
        return model.no_dispatch_here or what
    return f"{what}: press {_key('dispatch.compose', model)} for a new one"


def may_acknowledge(model: ConsoleModel) -> str | None:
    """Why no alarm can be acknowledged, or None."""
    refusal = writes(model)
    return "no alarm waits to be acknowledged" if refusal is None and model.foremost_alarm() is None else refusal


def has_vehicle(model: ConsoleModel) -> str | None:
    """Why there is no vehicle to look at, or None."""
    return "no vehicle is selected: put the cursor on one" if model.selected_vehicle_id is None else None


def may_retry(model: ConsoleModel) -> str | None:
    """Why the selected dispatch can't be retried, or None."""
    refusal = writes(model)
    view = model.selected_dispatch()
    if refusal is not None or view is None:
        return refusal or _no_dispatch(model, "no dispatch to retry")
    if view.state not in {DispatchState.AWAITING_ACKS, DispatchState.ACTIVE}:
        return f"{view.short_id} is {state_text(view)}: only a running dispatch can be retried"
    if view.progress.silent == 0:
        return f"{view.short_id}: no vehicle is silent, nothing to send again"
    return None


def may_cancel(model: ConsoleModel) -> str | None:
    """Why the selected dispatch can't be cancelled, or None."""
    refusal = writes(model)
    view = model.selected_dispatch()
    if refusal is not None or view is None:
        return refusal or model.no_dispatch_here or "no dispatch to cancel"
    if not is_active(view):
        return f"{view.short_id} is over ({state_text(view)})"
    if view.state is DispatchState.RELEASING:
        return f"{view.short_id} is releasing its vehicles already"
    return None


def may_update(model: ConsoleModel) -> str | None:
    """Why the selected dispatch can't get a new target, or None."""
    refusal = may_compose(model)
    view = model.selected_dispatch()
    if refusal is not None or view is None:
        return refusal or _no_dispatch(model, "no dispatch to update")
    if view.state not in {DispatchState.SENDING, DispatchState.AWAITING_ACKS, DispatchState.ACTIVE}:
        return f"{view.short_id} is {state_text(view)}: only a running dispatch has a target to change"
    return None


def may_reset_trust(model: ConsoleModel) -> str | None:
    """Why no vehicle's failures can be forgotten, or None."""
    return writes(model) or has_vehicle(model)


def may_tag(model: ConsoleModel) -> str | None:
    """Why no tag can be hung or taken down, or None."""
    return writes(model) or (None if model.fleet_view.marks else has_vehicle(model))


def has_fleet(model: ConsoleModel) -> str | None:
    """Why there is no fleet to list, or None."""
    return "no vehicle has answered yet" if model.snapshot is None or not len(model.snapshot.fleet) else None


def has_marks(model: ConsoleModel) -> str | None:
    """Why there are no marks to take away, or None."""
    return None if model.fleet_view.marks else "no vehicle is marked: Space marks one"


def may_decide(model: ConsoleModel) -> str | None:
    """Why there is no request to approve or reject, or None."""
    return writes(model) or nothing_to_decide(model)


def may_decide_proposal(model: ConsoleModel) -> str | None:
    """Why there is no proposal to decide on, or None."""
    return writes(model) or no_proposal(model)


def may_unlock(model: ConsoleModel) -> str | None:
    """Why there is nothing to unlock, or None."""
    return writes(model) or lock_is_open(model)


def _key(action_id: str, model: ConsoleModel) -> str:
    from v2g_console.console.actions import shown_key  # the registry names these guards

    return shown_key(action_id, model)
