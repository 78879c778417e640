"""A new dispatch in three commands: preview, arm, send. Nothing is sent by fewer, and an armed plan lapses after ten seconds."""

from typing import Final

from v2g_console.console.composer_fields import Checked, FieldTexts, Known, check_fields, typed_power_matches
from v2g_console.console.plain.console import PlainConsole, UsageError
from v2g_console.console.plain.looking import picture
from v2g_console.console.plain.words import plan_lines, power, request_lines
from v2g_console.contract.replies import Accepted, PlanView, Refusal, Refused
from v2g_console.contract.requests import Arm, Operate, Plan
from v2g_console.domain.start_time import start_words
from v2g_console.domain.units import counted, duration_text

ARMED_S: Final = 10.0
_OPTIONS: Final = {"site": "sites", "sites": "sites", "segment": "segments", "segments": "segments", "allocator": "allocator"} | {
    "preempt": "preempt",
    "partial": "partial",
    "start": "start",
    "ref": "reference",
    "note": "note",
    "test": "test",
}
_MOST_CAUTIONS: Final = 20


async def compose(console: PlainConsole, words: list[str]) -> None:
    """Plan, and tell what it would do. Nothing is sent."""
    console.plan = console.armed_until_s = None
    request = _request(console, words)
    reply = await console.ask_engine(request)
    if reply is None or not isinstance(reply.result, PlanView):
        return
    console.plan, console.planned = reply.result, request
    console.say(*plan_lines(reply.result), *request_lines(request), "Nothing is sent yet: arm, then send within 10 s.")


async def arm(console: PlainConsole, _: list[str]) -> None:
    """Arm the previewed plan, after what must be typed or read."""
    plan = console.plan
    if plan is None:
        raise UsageError("There is no plan: preview a dispatch first, for example dispatch FCR 300 5m.")
    typed_kw: float | None = None
    if plan.type_to_confirm:
        typed = await console.answer(prompt=f"This power must be confirmed: type {abs(plan.requested_kw):g}: ")
        if typed is None or not typed_power_matches(typed, plan.requested_kw):
            console.say("That is not the power of the plan: not armed.")
            return
        typed_kw = plan.requested_kw
    cautions = [f"{tag.words}." for tag in plan.cautions[:_MOST_CAUTIONS]]
    if cautions and not await console.confirmed(*cautions, "These vehicles may take part, with care. Arm the plan with them?"):
        return
    reply = await console.reply_of(
        Arm(plan_id=plan.plan_id, revision=plan.revision, typed_kw=typed_kw, accept_cautions=bool(plan.cautions))
    )
    if reply is None:
        return
    if isinstance(reply, Refused):
        _refused(console, reply)
        return
    console.plan = reply.result if isinstance(reply.result, PlanView) else plan
    console.armed_until_s = console.monotonic_s() + ARMED_S
    console.say(f"ARMED for 10 s: {_short(console)}. The command send sends it.")


async def send(console: PlainConsole, _: list[str]) -> None:
    """Send the armed plan."""
    plan, until_s = console.plan, console.armed_until_s
    if plan is None or until_s is None:
        raise UsageError("Nothing is armed: dispatch previews, arm arms, send sends.")
    console.armed_until_s = None
    if console.monotonic_s() > until_s:
        console.say("The ten seconds are over: nothing was sent. The command arm arms it again.")
        return
    reply = await console.reply_of(Operate(plan_id=plan.plan_id, revision=plan.revision))
    if isinstance(reply, Accepted):
        console.model.selected_dispatch_id = reply.dispatch_id
        later = console.planned is not None and console.planned.start_at is not None
        console.say(f"{'Scheduled' if later else 'Sent'}: {_short(console)}, dispatch #{reply.dispatch_id[:4]}.")
        console.plan = None
    elif isinstance(reply, Refused):
        _refused(console, reply)


def _refused(console: PlainConsole, reply: Refused) -> None:
    """Say why not; a plan that changed must be armed again."""
    console.say_refused(reply)
    if reply.plan is not None:
        console.plan = reply.plan
        console.say("The plan is another one now:", *plan_lines(reply.plan), "Nothing was sent: arm again if it is right.")
    elif reply.reason is Refusal.TYPE_TO_CONFIRM and console.plan is not None:
        console.say("Nothing was sent.")
    else:
        console.plan = None


def _short(console: PlainConsole) -> str:
    plan, request = console.plan, console.planned
    if plan is None or request is None:
        return "nothing"
    who = counted(plan.vehicles, "vehicle", "vehicles")
    start = f", from {start_words(request.start_at)}" if request.start_at else ""
    return (
        f"{'TEST ' if request.test else ''}{plan.signal} {power(plan.allocated_kw)} for {duration_text(plan.duration_s)} with {who}{start}"
    )


def _request(console: PlainConsole, words: list[str]) -> Plan:
    shown = picture(console)
    plain = [word for word in words if "=" not in word]
    if len(plain) != 3:
        raise UsageError("Say signal, power and duration.")
    texts = {"signal": plain[0], "power": plain[1], "duration": plain[2]}
    vehicles: tuple[str, ...] = ()
    for option in words:
        name, equals, value = option.partition("=")
        if equals and name in {"vehicle", "vehicles"}:
            vehicles = tuple(part for part in value.split(",") if part)
        elif equals and name in _OPTIONS:
            texts[_OPTIONS[name]] = value
        elif equals:
            raise UsageError(f"{name[:20]} is no option.")
    checked = check_fields(FieldTexts(**texts), Known(shown.fleet.sites, shown.fleet.segments, shown.engine.allocators))
    if checked.request is None:
        raise UsageError(" ".join(f"{word}." for word in _wrong(checked)))
    fields = {name: getattr(checked.request, name) for name in checked.request.__struct_fields__}
    return Plan(**(fields | {"vehicles": vehicles}))


def _wrong(checked: Checked) -> list[str]:
    named = (
        ("signal", checked.signal),
        ("power", checked.power),
        ("duration", checked.duration),
        ("sites", checked.sites),
        ("segments", checked.segments),
        ("allocator", checked.allocator),
        ("options", checked.options),
        ("start", checked.start),
    )
    return [f"{name}: {word.text}" for name, word in named if word.wrong]
