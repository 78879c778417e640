"""EcoWatt's proposals at the console: taken into a new dispatch, which is planned, armed and sent like any other, or dismissed."""

from typing import TYPE_CHECKING

from v2g_console.console.actions import action_of
from v2g_console.console.composer_fields import FieldTexts
from v2g_console.console.operating import NO
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.screens.note import NoteDialog
from v2g_console.contract.ecowatt import SIGNAL, ProposalView, answer_to
from v2g_console.contract.requests import EcowattDismiss
from v2g_console.domain.units import counted

if TYPE_CHECKING:
    from v2g_console.console.navigating import NavigatingApp


def proposal_texts(one: ProposalView, now_ms: int) -> FieldTexts:
    """What a new dispatch that answers the proposal starts with; the operator may change all but the reference that makes it the answer."""
    answer = answer_to(one, now_ms)
    return FieldTexts(signal=SIGNAL, power=answer.power, duration=answer.duration, start=answer.start, reference=one.reference)


async def decide_proposal(app: "NavigatingApp") -> None:
    """The soonest proposal: into a new dispatch, away with a reason, or left for later."""
    snapshot = app.model.snapshot
    if snapshot is None or not snapshot.proposals:
        return
    one, more = snapshot.proposals[0], len(snapshot.proposals) - 1
    question = [
        line((safe_text(one.words, 200), "bold")),
        line("Nothing is sent by this: a new dispatch is planned, armed and sent by hand."),
    ]
    if more:
        question.append(line((f"After it {counted(more, 'proposal waits', 'proposals wait')}.", "$muted")))
    choices = [Choice("take", "y", "New dispatch"), Choice("dismiss", "d", "Dismiss")]
    match await app.push_screen_wait(ChoiceDialog("EcoWatt", question, Choice("stay", "n", "Decide later"), choices)):
        case "take":
            blocked = action_of("dispatch.compose").blocked(app.model)
            if blocked is not None:
                app.say(f"no new dispatch now: {blocked}", "warning")
            else:
                await app.open_composer(proposal_texts(one, snapshot.utc_ms))
        case "dismiss":
            await _dismiss(app, one)


async def _dismiss(app: "NavigatingApp", one: ProposalView) -> None:
    noted = await app.push_screen_wait(NoteDialog("Dismiss the proposal", [line((safe_text(one.words, 200), "bold"))], []))
    if noted is None:
        return
    question = [line((safe_text(one.words, 200), "bold")), line(f"dismissed because: {safe_text(noted.note, 200)}")]
    dialog = ChoiceDialog("Dismiss the proposal", question, NO, [Choice("dismiss", "y", "Yes, dismiss it")])
    if await app.push_screen_wait(dialog) != "dismiss":
        return
    if await app.ask_engine(EcowattDismiss(proposal_id=one.proposal_id, reason=noted.note)) is not None:
        app.say(f"dismissed: {one.words}")
