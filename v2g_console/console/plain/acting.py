"""Commands that act: each with the guard of its action, a question where the console has one, and what came of it."""

from v2g_console.console.composer_fields import read_power
from v2g_console.console.options import ConsoleExit
from v2g_console.console.plain.console import PlainConsole, UsageError
from v2g_console.console.plain.looking import dispatch_of, picture, vehicle_of
from v2g_console.console.plain.words import approval_line, dispatch_line, power
from v2g_console.console.rights import decidable
from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.cancelled_text import cancelled_words
from v2g_console.contract.ecowatt import SIGNAL, answer_to
from v2g_console.contract.requests import (
    AckAlarm,
    Approve,
    Cancel,
    EcowattDismiss,
    Note,
    Reject,
    ResetTrust,
    Resume,
    Retry,
    ShelveAlarm,
    Stop,
    Unlock,
    UnshelveAlarm,
    Update,
)
from v2g_console.contract.snapshot import ApprovalView, DispatchView
from v2g_console.contract.stop import StopView
from v2g_console.domain.units import counted, duration_text, grouped, parse_duration_s


async def stop(console: PlainConsole, words: list[str]) -> None:
    """STOP DISPATCH, after a confirmation."""
    if not await console.confirmed(
        "STOP sends every vehicle back to its baseline and blocks new dispatches until somebody resumes.", load(console), "STOP DISPATCH?"
    ):
        return
    reply = await console.ask_engine(Stop(reason=" ".join(words)))
    if reply is not None and isinstance(reply.result, StopView):
        ended, back = counted(reply.result.dispatches, "dispatch", "dispatches"), counted(reply.result.vehicles, "vehicle", "vehicles")
        console.say(f"STOP: ended {ended}; back to their baseline: {back}.", "The command silent lists who does not confirm.")


async def resume(console: PlainConsole, _: list[str]) -> None:
    """Lift the latch, after a confirmation."""
    owed = picture(console).summary.owed
    still = [f"{counted(owed, 'vehicle has', 'vehicles have')} not confirmed a release yet."] if owed else []
    yes = await console.confirmed("New dispatches become possible again. Nothing is restarted.", *still, "Resume?")
    if yes and await console.ask_engine(Resume()) is not None:
        console.say("Resumed: dispatches may start again.")


async def update(console: PlainConsole, words: list[str]) -> None:
    """Another target for a dispatch."""
    if not words:
        raise UsageError("Say the new power.")
    view = dispatch_of(console, words[:-1])
    power_kw = read_power(words[-1])
    if power_kw is None:
        raise UsageError("Expected kW with its sign, for example 300 or -300.")
    if console.blocked("dispatch.update"):
        return
    change = f"Target {power(view.requested_kw)} to {power(power_kw)}."
    if await console.confirmed(dispatch_line(view), change, "Update the target?"):
        reply = await console.ask_engine(Update(dispatch_id=view.dispatch_id, power_kw=power_kw))
        if reply is not None:
            asked = f"; asked of its vehicles so far: {power(reply.result.allocated_kw)}" if isinstance(reply.result, DispatchView) else ""
            console.say(f"{view.short_id}: target {power(power_kw)} accepted{asked}.")


async def cancel(console: PlainConsole, words: list[str]) -> None:
    """End a dispatch and release its vehicles, or take back a request that waits for a second person."""
    waiting = next((one for one in picture(console).approvals if words and one.approval_id == words[0]), None)
    if waiting is not None:
        if (
            await console.confirmed(approval_line(waiting), "Take it back?")
            and await console.ask_engine(Cancel(dispatch_id=words[0])) is not None
        ):
            console.say(f"{words[0]}: taken back.")
        return
    view = dispatch_of(console, words)
    if console.blocked("dispatch.cancel"):
        return
    comes = "It ends now; its vehicles go back to their baseline." if view.due_ms is None else "It has not begun: nothing was sent yet."
    if not await console.confirmed(dispatch_line(view), comes, "Cancel the dispatch?"):
        return
    reply = await console.ask_engine(Cancel(dispatch_id=view.dispatch_id))
    if reply is not None:
        console.say(f"{view.short_id}: {cancelled_words(reply.result if isinstance(reply.result, DispatchView) else view)}.")


async def retry(console: PlainConsole, words: list[str]) -> None:
    """Ask the silent vehicles of a dispatch again."""
    view = dispatch_of(console, words)
    if not console.blocked("dispatch.retry") and await console.ask_engine(Retry(dispatch_id=view.dispatch_id)) is not None:
        console.say(f"{view.short_id}: asked again: {counted(view.progress.silent, 'silent vehicle', 'silent vehicles')}.")


async def acknowledge(console: PlainConsole, words: list[str]) -> None:
    """Acknowledge an alarm, the most urgent one without a name."""
    alarm = _alarm(console, words) if words else console.model.foremost_alarm()
    if alarm is None:
        console.say("Not now: no alarm waits to be acknowledged.")
    elif await console.ask_engine(AckAlarm(alarm_id=alarm.alarm_id)) is not None:
        console.say(f"Acknowledged: {alarm.text}.")


async def shelve(console: PlainConsole, words: list[str]) -> None:
    """Keep an alarm quiet for a time."""
    if len(words) < 3:
        raise UsageError("Say which alarm, how long and why.")
    alarm = _alarm(console, words)
    for_s = _duration(words[1])
    if await console.ask_engine(ShelveAlarm(alarm_id=alarm.alarm_id, for_s=for_s, reason=" ".join(words[2:]))) is not None:
        console.say(f"Shelved for {duration_text(for_s)}: {alarm.text}.")


async def unshelve(console: PlainConsole, words: list[str]) -> None:
    """Take an alarm back from the shelf."""
    alarm = _alarm(console, words)
    if await console.ask_engine(UnshelveAlarm(alarm_id=alarm.alarm_id)) is not None:
        console.say(f"Back from the shelf: {alarm.text}.")


async def ecowatt(console: PlainConsole, words: list[str]) -> None:
    """What EcoWatt proposes; or dismiss one of them."""
    shown = picture(console)
    if not words:
        if not shown.proposals:
            console.say("EcoWatt proposes nothing that waits for a decision.")
        for one in shown.proposals:
            answer = answer_to(one, shown.utc_ms)
            start = f" start={answer.start}" if answer.start else ""
            console.say(
                f"{one.words}.", f"To accept: dispatch {SIGNAL} {answer.power or 'KW'} {answer.duration}{start} ref={one.reference}"
            )
        return
    if words[0] != "dismiss" or len(words) < 3:
        raise UsageError("Say dismiss, which proposal, and why.")
    if console.blocked("ecowatt.decide"):
        return
    if await console.ask_engine(EcowattDismiss(proposal_id=words[1], reason=" ".join(words[2:]))) is not None:
        console.say(f"Dismissed: {words[1]}.")


async def trust(console: PlainConsole, words: list[str]) -> None:
    """Forget the failures of a vehicle."""
    if console.blocked_writing("vehicle.trust"):
        return
    view = await vehicle_of(console, words)
    if view is None:
        return
    told = f"{view.vehicle_id}: {counted(view.failures, 'failure', 'failures')} in a row."
    if await console.confirmed(told, "Trust it again?") and await console.ask_engine(ResetTrust(vehicle_id=view.vehicle_id)) is not None:
        console.say(f"{view.vehicle_id}: trusted again, its failures are forgotten.")


async def note(console: PlainConsole, words: list[str]) -> None:
    """Something for the next shift."""
    if not words:
        raise UsageError("Say what the next shift must know.")
    if await console.ask_engine(Note(text=" ".join(words))) is not None:
        console.say(f"Noted: {' '.join(words)}")


async def approve(console: PlainConsole, words: list[str]) -> None:
    """Let what somebody else asked go ahead."""
    one = _approval(console, words)
    yes = await console.confirmed(*_about(one), "Let it go ahead?")
    if yes and await console.ask_engine(Approve(approval_id=one.approval_id, revision=one.revision)) is not None:
        console.say(f"Approved: {one.approval_id} of {one.by}.")


async def reject(console: PlainConsole, words: list[str]) -> None:
    """Drop what somebody else asked."""
    one = _approval(console, words[:1])
    yes = await console.confirmed(*_about(one), "Drop it?")
    if yes and await console.ask_engine(Reject(approval_id=one.approval_id, reason=" ".join(words[1:]))) is not None:
        console.say(f"Rejected: {one.approval_id} of {one.by}.")


async def unlock(console: PlainConsole, _: list[str]) -> None:
    """Take a view-only console back into use."""
    user = picture(console).engine.user
    yes = await console.confirmed(f"This console acts for {user}; whoever takes it back acts in that name.", "Take it back into use?")
    if yes and await console.ask_engine(Unlock()) is not None:
        console.model.view_lock.open()
        console.say("This console is in use again.")


async def leave(console: PlainConsole, _: list[str]) -> None:
    """Leave; with dispatches of an engine of our own under way the operator says what becomes of them."""
    if console.options.attached:
        console.say(
            f"Detached: the engine runs on, {counted(len(console.model.active_dispatches()), 'active dispatch', 'active dispatches')}."
        )
        console.leaving = ConsoleExit.DETACHED
        return
    if not console.model.active_dispatches() or console.model.contact().problem:
        console.leaving = ConsoleExit.QUIT_RELEASE
        return
    answer = await console.answer(
        load(console),
        "release ends them, sends every vehicle back, then quits; keep goes on without a console; stay is the default.",
        prompt="Quit? [release/keep/STAY] ",
    )
    if answer is None:  # the input has ended, or Ctrl+C a second time
        console.end()
        return
    match answer.strip().lower():
        case "release" | "r":
            console.leaving = ConsoleExit.QUIT_RELEASE
        case "keep" | "k":
            console.leaving = ConsoleExit.QUIT_KEEP_RUNNING
        case _:
            console.say("Staying.")


def load(console: PlainConsole) -> str:
    """What is under way, for a question about it."""
    active = console.model.active_dispatches()
    if not active:
        return "No dispatch is active."
    vehicles = console.model.snapshot.summary.dispatched if console.model.snapshot is not None else 0
    dispatches, moved = counted(len(active), "dispatch", "dispatches"), counted(vehicles, "vehicle", "vehicles")
    directions = ([view.requested_kw for view in active if view.requested_kw * way > 0] for way in (1, -1))
    asked = " and ".join(power(sum(powers_kw)) for powers_kw in directions if powers_kw)
    return f"Active: {dispatches}, {moved}, {asked or power(0.0)}."


def _about(one: ApprovalView) -> list[str]:
    lines = [approval_line(one)]
    if one.vehicles is not None:
        lines.append(f"Plan: {power(one.allocated_kw)} by {counted(one.vehicles, 'vehicle', 'vehicles')}.")
    lines += [f"Takes {grouped(abs(kw))} kW from {short_id}." for short_id, kw in one.preempts]
    return [*lines, f"Above the limit of {grouped(one.limit_kw)} kW for one person."]


def _approval(console: PlainConsole, words: list[str]) -> ApprovalView:
    waiting = decidable(console.model)
    found = [one for one in waiting if not words or one.approval_id == words[0]]
    if len(found) != 1:
        named = ", ".join(one.approval_id for one in waiting)
        raise UsageError(f"No request {words[0][:40]} waits for you; {named} does." if words else f"Which one? {named}.")
    return found[0]


def _alarm(console: PlainConsole, words: list[str]) -> AlarmView:
    found = next((one for one in picture(console).alarms if words and one.alarm_id == words[0]), None)
    if found is None:
        raise UsageError(f"There is no alarm {words[0][:40] if words else 'without a name'}: see alarms.")
    return found


def _duration(text: str) -> float:
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
