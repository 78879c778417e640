"""Hanging tags up and taking them down, from the console: what is chosen and noted, confirmed, asked of the engine, and told."""

from typing import TYPE_CHECKING, Final

from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.screens.note import Noted, NoteDialog, Pick
from v2g_console.contract.replies import PlanView, VehicleView
from v2g_console.contract.requests import Fleet, Tag, Untag
from v2g_console.contract.tags import TagDone, TagKind, TagScope, TagView, inhibited_text

if TYPE_CHECKING:
    from v2g_console.console.operating import OperatingApp

KINDS: Final = (TagKind.CAUTION, TagKind.INHIBIT)
KIND_WORDS: Final = ("CAUTION: plans warn, arming asks", "INHIBIT: takes part in nothing; in use it is released at once")
_MOST_CAUTIONS: Final = 6
_NO: Final = Choice("stay", "n", "No, go back")


async def hang_tag(app: "OperatingApp") -> None:
    """A tag on the selected vehicle, its site, or the fleet."""
    vehicle = await _selected(app)
    if vehicle is None:
        return
    targets = [(TagScope.VEHICLE, vehicle.vehicle_id), (TagScope.FLEET, "")]
    if vehicle.site:
        targets.insert(1, (TagScope.SITE, vehicle.site))
    picks = [Pick("tag", KIND_WORDS), Pick("on", tuple(_target_words(scope, name) for scope, name in targets))]
    noted = await app.push_screen_wait(NoteDialog("Tag", [line(tag_words(tag)) for tag in vehicle.tags], picks))
    if noted is None:
        return
    kind, (scope, name) = KINDS[noted.picked[0]], targets[noted.picked[1]]
    question = [line((f"{kind.value} on {_target_words(scope, name)}", "bold")), line(safe_text(noted.note, 200))]
    if kind is TagKind.INHIBIT:
        question.append(line(("Vehicles in use leave their dispatch and are released at once.", "bold $warning")))
    if await app.push_screen_wait(ChoiceDialog("Hang up the tag", question, _NO, [Choice("tag", "y", "Yes, tag")])) != "tag":
        return
    reply = await app.ask_engine(Tag(kind=kind, scope=scope, name=name, note=noted.note))
    if reply is not None and isinstance(reply.result, TagDone):
        lost = inhibited_text(reply.result)
        app.say(f"{reply.result.tag.words}{f'; {lost}' if lost else ''}{_durability(reply.result)}", "warning" if lost else "information")


async def take_tag_down(app: "OperatingApp") -> None:
    """One of the tags on the selected vehicle, its site, or the fleet."""
    vehicle = await _selected(app)
    if vehicle is None:
        return
    if not vehicle.tags:
        app.say(f"{vehicle.vehicle_id} has no tag, nor has its site or the fleet")
        return
    newest_first = vehicle.tags[::-1]
    pick = Pick("tag", tuple(tag_words(tag) for tag in newest_first))
    noted: Noted | None = await app.push_screen_wait(NoteDialog("Take a tag down", [], [pick]))
    if noted is None:
        return
    tag = newest_first[noted.picked[0]]
    question = [line((tag_words(tag), "bold")), line(f"taken down because: {safe_text(noted.note, 200)}")]
    if await app.push_screen_wait(ChoiceDialog("Take the tag down", question, _NO, [Choice("untag", "y", "Yes, take it down")])) != "untag":
        return
    reply = await app.ask_engine(Untag(tag_id=tag.tag_id, note=noted.note))
    if reply is not None and isinstance(reply.result, TagDone):
        app.say(f"taken down: {reply.result.tag.words}{_durability(reply.result)}")


def caution_dialog(plan: PlanView) -> ChoiceDialog:
    """The question before a plan with CAUTION tags is armed; "accept" is its answer for yes."""
    shown = [line((tag_words(tag), "bold $warning")) for tag in plan.cautions[:_MOST_CAUTIONS]]
    if len(plan.cautions) > _MOST_CAUTIONS:
        shown.append(line(f"and {len(plan.cautions) - _MOST_CAUTIONS} more: see `v2g-console tag ls`"))
    question = [*shown, line("These vehicles may take part, with care. Arm the plan with them?")]
    return ChoiceDialog("CAUTION", question, _NO, [Choice("accept", "y", "Yes, read and accepted")], id="ask-caution")


def tag_words(tag: TagView) -> str:
    """A tag on one line, safe to draw."""
    return safe_text(tag.words, 240)


async def _selected(app: "OperatingApp") -> VehicleView | None:
    """What the engine says of the selected vehicle."""
    vehicle_id = app.model.selected_vehicle_id
    if vehicle_id is None:
        app.say("no vehicle is selected: put the cursor on one", "warning")
        return None
    if (known := await app.ask_engine(Fleet(vehicle_id=vehicle_id))) is None:
        return None
    return known.result if isinstance(known.result, VehicleView) else None


def _target_words(scope: TagScope, name: str) -> str:
    return "the whole fleet" if scope is TagScope.FLEET else f"{scope.value} {safe_text(name, 64)}"


def _durability(done: TagDone) -> str:
    return "" if done.durable else "; in force, but the journal does not take it"
