"""What the composer says: its keys at each step, what was sent, why something was not."""

from textual.content import Content

from v2g_console.console.composer_changes import changes
from v2g_console.console.composer_flow import Step
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import line
from v2g_console.contract.replies import PlanView, Refused
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.start_time import start_words
from v2g_console.domain.units import counted, regulation_text

_CHANGES_TOLD = 3
_WIDE_CELLS = 64


def no_plan_rows(says: tuple[str, ...], planning: bool) -> list[Content]:
    """What stands where the plan would: that it is being made, or why there is none (a right that is missing, a refusal)."""
    if planning or not any(says):
        return [line(("planning", "$muted"))]
    return [line(("There is no plan: nothing can be armed.", "bold $warning")), *(line(text) for text in says if text)]


def keys_line(step: Step, more: bool, send_key: str, width_cells: int = _WIDE_CELLS, choosing: str = "") -> Content:
    """The keys that do something at this step; on a narrow screen those that one must know, the way out among them.

    `choosing`: the keys that go through the choices of the field with the focus, "" where it has none.
    """
    page = (("PgDn", "bold"), " more   ") if more else ("",)
    if width_cells < _WIDE_CELLS and step not in {Step.ARMED, Step.HELD, Step.SENDING}:
        return line(("Enter", "bold"), " arm  ", ("Tab", "bold"), " next  ", ("Esc", "bold"), " leave")
    if width_cells < _WIDE_CELLS and step is Step.ARMED:
        return line((send_key, "bold"), " SEND  ", ("Esc", "bold"), " disarm")
    match step:
        case Step.ARMED:
            return line((send_key, "bold"), " SEND   ", ("Esc", "bold"), " disarm, back to the fields   ", *page)
        case Step.HELD:
            return line(("Esc", "bold"), " CALL IT BACK   ", *page)
        case Step.SENDING:
            return line(("Esc", "bold"), " leave")
        case _:
            return line(
                ("Enter", "bold"),
                " arm   ",
                ("Tab", "bold"),
                " next   ",
                *(((choosing, "bold"), " choose   ") if choosing else ("",)),
                *page,
                ("Esc", "bold"),
                " leave",
            )


def refused_text(reply: Refused) -> str:
    """`SHORTFALL: 60 kW short (lower the power)`."""
    return f"{reply.reason.value}: {reply.message}{f' ({reply.hint})' if reply.hint else ''}"


def changed_text(before: PlanView, after: PlanView, glyphs: Glyphs) -> str:
    """The most important changes in a sentence, and that it is for the operator to decide again."""
    found = changes(before, after, glyphs)
    more = f" and {len(found) - _CHANGES_TOLD} more" if len(found) > _CHANGES_TOLD else ""
    told = ", ".join(one.words for one in found[:_CHANGES_TOLD]) or "only the shares of single vehicles"
    return f"nothing was sent. Changed: {told}{more}. Enter arms the new plan, Esc leaves"


def sent_text(plan: PlanView, request: DispatchFields | None = None) -> str:
    """What was sent, which is not yet what is answered; of a start to come, when it is."""
    short = abs(plan.shortfall_kw) if abs(plan.shortfall_kw) >= 1.0 else 0.0
    power, asked = regulation_text(plan.allocated_kw), counted(plan.vehicles, "vehicle", "vehicles")
    if request is not None and request.start_at:
        now = f" (as things are now {power} of it)" if short else ""
        start = start_words(request.start_at)
        return f"scheduled: {plan.signal} {regulation_text(plan.requested_kw)}{now}, from {start}; nothing is sent to vehicles before"
    return f"sent: {plan.signal} {power}{f', {short:.0f} kW short' if short else ''}, asked of {asked}; their answers are coming in"
