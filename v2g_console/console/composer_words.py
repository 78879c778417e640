"""What the composer says: its keys at each step, what was sent, why something was not."""

from textual.content import Content

from v2g_console.console.composer_changes import changes
from v2g_console.console.composer_flow import Step
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import line
from v2g_console.contract.replies import PlanView, Refused
from v2g_console.domain.units import counted, regulation_text

_CHANGES_TOLD = 3


def keys_line(step: Step, more: bool, send_key: str) -> Content:
    """The keys that do something at this step."""
    page = (("PgDn", "bold"), " more   ") if more else ("",)
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
                ("Up/Down", "bold"),
                " choose   ",
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


def sent_text(plan: PlanView) -> str:
    """What was sent, which is not yet what is answered."""
    short = f", {abs(plan.shortfall_kw):.0f} kW short" if abs(plan.shortfall_kw) >= 1.0 else ""
    power, asked = regulation_text(plan.allocated_kw), counted(plan.vehicles, "vehicle", "vehicles")
    return f"sent: {plan.signal} {power}{short}, asked of {asked}; their answers are coming in"
