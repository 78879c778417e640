"""What is done to many vehicles of the fleet's list at once: marking, tagging, exporting."""

from typing import Final

from v2g_console.console.exporting import Listed, export_listed
from v2g_console.console.fleet_rows import HEADERS, Rows, plain_rows
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.marked_text import marked_line
from v2g_console.console.marks import MOST_MARKS, Marks
from v2g_console.console.operating import OperatingApp
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.screens.note import NoteDialog, Pick
from v2g_console.console.screens.results import Came, Results, ResultsDialog
from v2g_console.console.tagging import KIND_WORDS, KINDS, tag_words
from v2g_console.console.widgets.fleet_index import SortKey
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.contract.replies import Refused
from v2g_console.contract.requests import Request, Tag, Untag
from v2g_console.contract.snapshot import FleetColumns
from v2g_console.contract.tags import TagDone, TagKind, TagScope, TagView, inhibited_text
from v2g_console.domain.units import counted, grouped

ASK_ABOVE: Final = 1000
MOST_ACTED_ON: Final = 200
_TAGS_SHOWN: Final = 4
_NO: Final = Choice("stay", "n", "No, go back")


async def mark_all(app: OperatingApp, table: FleetTable) -> None:
    """Mark every vehicle that passes the filter."""
    ids = table.listed_ids()
    fresh = sum(one not in table.marks for one in ids)
    if len(table.marks) + fresh > MOST_MARKS:
        app.say(f"not marked: {grouped(fresh)} more would be above {grouped(MOST_MARKS)} marks; narrow the filter", "warning")
        return
    if fresh > ASK_ABOVE:
        question = [line((f"{counted(fresh, 'vehicle', 'vehicles')} that the filter lets through", "bold"))]
        if await app.push_screen_wait(ChoiceDialog("Mark them all", question, _NO, [Choice("mark", "y", "Yes, mark")])) != "mark":
            return
    table.marks.add(ids)
    table.marks_changed()


async def tag_marked(app: OperatingApp, glyphs: Glyphs, marks: Marks) -> None:
    """Hang a tag on each marked vehicle: one note, one question, a result a vehicle."""
    ids = marks.ids
    if _too_many(app, len(ids), "vehicles are marked"):
        return
    noted = await app.push_screen_wait(NoteDialog("Tag the marked vehicles", [marked_line(ids)], [Pick("tag", KIND_WORDS)]))
    if noted is None:
        return
    kind = KINDS[noted.picked[0]]
    question = [marked_line(ids), line((f"{kind.value} on each of them", "bold")), line(safe_text(noted.note, 200))]
    if kind is TagKind.INHIBIT:
        question.append(line(("Vehicles in use leave their dispatch and are released at once.", "bold $warning")))
    if await app.push_screen_wait(ChoiceDialog("Hang up the tags", question, _NO, [Choice("tag", "y", "Yes, tag each")])) != "tag":
        return
    requests = {one: (one, Tag(kind=kind, scope=TagScope.VEHICLE, name=one, note=noted.note)) for one in ids}
    await _ask_each(app, glyphs, f"{kind.value} on the marked vehicles", "tagged", requests)


async def untag_marked(app: OperatingApp, glyphs: Glyphs, marks: Marks, tags: tuple[TagView, ...]) -> None:
    """Take down every tag that hangs on a marked vehicle itself (not on its site, nor on the fleet)."""
    found = [tag for tag in tags if tag.scope is TagScope.VEHICLE and tag.name in marks]
    if not found:
        app.say("none of the marked vehicles has a tag of its own")
        return
    if _too_many(app, len(found), "tags hang on the marked vehicles"):
        return
    shown = [line(tag_words(tag)) for tag in found[:_TAGS_SHOWN]]
    if len(found) > _TAGS_SHOWN:
        shown.append(line(f"and {len(found) - _TAGS_SHOWN} more"))
    noted = await app.push_screen_wait(NoteDialog("Take the tags down", shown, []))
    if noted is None:
        return
    question = [*shown, line((f"take down {counted(len(found), 'tag', 'tags')} because:", "bold")), line(safe_text(noted.note, 200))]
    dialog = ChoiceDialog("Take the tags down", question, _NO, [Choice("untag", "y", "Yes, take them down")])
    if await app.push_screen_wait(dialog) != "untag":
        return
    requests: dict[str, tuple[str, Request]] = {tag.tag_id: (tag.name, Untag(tag_id=tag.tag_id, note=noted.note)) for tag in found}
    await _ask_each(app, glyphs, "Tags of the marked vehicles", "taken down", requests)


def _too_many(app: OperatingApp, number: int, what: str) -> bool:
    if number <= MOST_ACTED_ON:
        return False
    app.say(f"{grouped(number)} {what}: at most {MOST_ACTED_ON} at once; for more tag their site", "warning")
    return True


async def _ask_each(
    app: OperatingApp, glyphs: Glyphs, title: str, verb: str, requests: "dict[str, tuple[str, Tag]] | dict[str, tuple[str, Request]]"
) -> None:
    """Ask one after the other; an engine that goes away ends it, and what it did with the last one is not known."""
    results = Results((key, vehicle_id) for key, (vehicle_id, _) in requests.items())
    dialog = ResultsDialog(glyphs, title, verb, results)
    await app.push_screen(dialog)
    for key, (_, request) in requests.items():
        try:
            reply = await app.model.request(request)
        except OSError as error:
            results.put(key, Came.UNKNOWN, f"the engine does not answer: {error}")
            results.give_up("the engine does not answer")
            break
        if isinstance(reply, Refused):
            results.put(key, Came.REFUSED, f"{reply.reason.value}: {reply.message}")
        else:
            results.put(key, Came.DONE, _done_words(reply.result))
        dialog.draw()
    dialog.draw()
    told, severity = results.told(verb)
    app.say(f"{title}: {told}", severity)


def _done_words(result: object) -> str:
    if not isinstance(result, TagDone):
        return ""
    parts = [result.tag.tag_id, inhibited_text(result), "" if result.durable else "in force, but the journal does not take it"]
    return "; ".join(part for part in parts if part)


async def export_fleet(app: OperatingApp, columns: FleetColumns, rows: Rows, keys: tuple[SortKey, ...]) -> None:
    """Write the vehicles to a file, with these columns."""
    header = [HEADERS[key] for key in keys]
    about = f", with {', '.join(header)}"
    listed = Listed("fleet", "vehicle", "vehicles", len(rows), header, lambda: plain_rows(columns, rows, keys), about)
    await export_listed(app, listed)
