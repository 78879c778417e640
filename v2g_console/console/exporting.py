"""Copying and exporting what a list shows: the same keys, questions and words in every list."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from v2g_console.console.clipboard import CopyError, copy_text
from v2g_console.console.export import Form, export_folder, write_export
from v2g_console.console.operating import OperatingApp
from v2g_console.console.safe_text import line
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.domain.units import counted

_NO: Final = Choice("stay", "n", "No, go back")
_FORMS: Final = (Choice("csv", "c", "CSV, for a spreadsheet"), Choice("json", "j", "JSON"))


@dataclass(frozen=True, slots=True)
class Listed:
    """What can be exported of a list. `rows` is called in a thread, since a fleet is large; `one`, `many`: what a row is called.

    `name` begins the file's; `about` goes on in the question; `more` is told when it is written, of what the file has not.
    """

    name: str
    one: str
    many: str
    count: int
    header: Sequence[str]
    rows: Callable[[], Sequence[Sequence[object]]]
    about: str = ""
    more: str = ""


async def export_listed(app: OperatingApp, listed: Listed) -> None:
    """Write what is listed to a file, after the question in which form; in a thread, since the disk may be slow."""
    what = counted(listed.count, listed.one, listed.many)
    question = [line((what, "bold"), f" as listed{listed.about}")]
    chosen = await app.push_screen_wait(ChoiceDialog("Export", question, _NO, list(_FORMS)))
    if chosen not in {"csv", "json"}:
        return
    form: Form = "csv" if chosen == "csv" else "json"
    folder = export_folder()

    def write() -> str:
        return str(write_export(folder, listed.name, listed.header, listed.rows(), form, datetime.now(UTC)))

    try:
        path = await asyncio.to_thread(write)
    except OSError as error:
        app.say(f"not exported: {error.strerror or error}", "error")
        return
    app.say(f"{what} written to {path}{f'; {listed.more}' if listed.more else ''}")


def copy_rows(app: OperatingApp, rows: list[str], what: str) -> None:
    """Put rows on the clipboard of the operator's terminal."""
    try:
        app.copy_to_clipboard(copy_text(rows))
    except CopyError as error:
        app.say(f"not copied: {error}", "warning")
        return
    app.say(f"sent to the terminal's clipboard: {counted(len(rows), what, f'{what}s')} (a terminal may be set to refuse it)")
