"""`v2g-console journal`: what was decided, sent and answered, and the proof that nobody changed it. Needs no engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2g_console.cli.parameters import COUNT, OWN_PATH, Duration, config_option, examples, together
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.domain.text import visible

if TYPE_CHECKING:
    from v2g_console.journal.read import JournalReader
    from v2g_console.journal.wanted import Wanted

_file_option = click.option("--file", "journal_file", type=OWN_PATH, help="The journal. Default: journal.path, or the usual places.")
_journal_options = together(config_option, _file_option)
_filter_options = together(
    click.option("--from", "from_text", metavar="TIME", help="From this time on, such as 2026-11-23T14:00:00Z."),
    click.option("--until", "until_text", metavar="TIME", help="Before this time."),
    click.option("--last", "last_s", type=Duration(), help="The last 90s, 5m or 24h only."),
    click.option("--vehicle", "vehicle_id", default="", metavar="ID", help="What names this vehicle."),
    click.option("--signal", default="", metavar="NAME", help="Dispatches of this signal."),
    click.option("--dispatch", "dispatch_id", default="", metavar="ID", help="One dispatch; the beginning of its id is enough."),
    click.option("--kind", default="", metavar="KIND", help="request, round, acks, releases, dispatch, alarm, journal, round.send, ..."),
    _journal_options,
)


@click.group("journal", short_help="The record of decisions: ls, show, verify, export.")
def command() -> None:
    """The record of decisions, commands, answers and outcomes."""


@command.command("ls", short_help="Entries, oldest first.", epilog=examples("v2g-console journal ls --last 24h --vehicle veh000123"))
@_filter_options
@click.option("--limit", type=COUNT, default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="As JSON Lines, with all columns.")
def list_entries(*, limit: int, as_json: bool, **filters: Any) -> int:
    """List entries, the newest last."""
    from itertools import islice

    from v2g_console.cli.journal_text import entry_lines
    from v2g_console.journal.lines import json_line

    with _reader(filters) as reader:
        newest = list(islice(reader.entries(_wanted(reader, filters), newest_first=True), limit))
    if as_json:
        for entry in reversed(newest):
            click.echo(json_line(entry), nl=False)
    else:
        click.echo("\n".join(entry_lines(newest[::-1])))
    return ExitCode.DONE


@command.command("show", short_help="One dispatch: rounds, answers, outcome.", epilog=examples("v2g-console journal show 7f3a"))
@click.argument("dispatch_id")
@_journal_options
@click.option("--json", "as_json", is_flag=True, help="Its entries as JSON Lines.")
def show_dispatch(*, dispatch_id: str, as_json: bool, **where: Any) -> int:
    """Show one dispatch with its rounds, acknowledgements, releases and outcome. The beginning of its id is enough."""
    from v2g_console.cli.journal_text import story_lines
    from v2g_console.journal.lines import json_line
    from v2g_console.journal.story import story
    from v2g_console.journal.wanted import Wanted

    with _reader(where) as reader:
        whole_id = reader.find_dispatch(dispatch_id)
        entries = reader.entries(Wanted(dispatch_id=whole_id))
        if as_json:
            for entry in entries:
                click.echo(json_line(entry), nl=False)
        else:
            click.echo("\n".join(story_lines(story(whole_id, entries))))
    return ExitCode.DONE


@command.command("verify", short_help="Prove that nothing was changed, removed or cut off.", epilog=examples("v2g-console journal verify"))
@_journal_options
@click.option("--head", "head_text", metavar="NUMBER:HASH", help="Also prove that this head, noted earlier, is in it.")
def verify_journal(*, head_text: str | None, **where: Any) -> int:
    """Check every link of the chain. Prints the head: keep it elsewhere, and give it with --head next time. Exit code 1: not as written."""
    from v2g_console.cli.journal_text import verdict_lines
    from v2g_console.journal.chain import parse_head
    from v2g_console.journal.verify import verify

    try:
        given = parse_head(head_text) if head_text is not None else None
    except ValueError as error:
        raise click.UsageError(f"--head: {error}") from None
    with _telling():
        verdict = verify(_path(where), given)
    click.echo("\n".join(verdict_lines(verdict)))
    return ExitCode.DONE if verdict.ok else ExitCode.FAILED


@command.command(
    "export", short_help="Entries as JSON Lines or CSV.", epilog=examples("v2g-console journal export --last 24h -o today.jsonl")
)
@_filter_options
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True, help="csv: a row a vehicle.")
@click.option("-o", "--output", type=click.File("w", encoding="utf-8", lazy=False), default="-", help="Default: standard output.")
def export_entries(*, form: str, output: Any, **filters: Any) -> int:
    """Write entries, oldest first."""
    from v2g_console.journal.lines import csv_lines, json_line

    with _reader(filters) as reader:
        entries = reader.entries(_wanted(reader, filters))
        for line in csv_lines(entries) if form == "csv" else (json_line(entry).decode() for entry in entries):
            output.write(line)
    return ExitCode.DONE


def _path(options: dict[str, Any]) -> Path:
    from v2g_console.config.load import load_for_client
    from v2g_console.journal.place import find_journal

    file: Path | None = options["journal_file"]
    return file if file is not None else find_journal(load_for_client(options["config_path"]).journal)


def _wanted(reader: "JournalReader", filters: dict[str, Any]) -> "Wanted":
    from time import time

    from v2g_console.contract.journal_kinds import kind_problem
    from v2g_console.journal.wanted import Wanted

    from_ms, until_ms = _utc_ms("--from", filters["from_text"]), _utc_ms("--until", filters["until_text"])
    if filters["last_s"] is not None:
        if from_ms is not None:
            raise click.UsageError("--from and --last both say where to begin")
        from_ms = round((time() - filters["last_s"]) * 1000)
    if problem := kind_problem(filters["kind"]):
        raise click.UsageError(f"--kind: {problem}")
    dispatch_id = reader.find_dispatch(filters["dispatch_id"]) if filters["dispatch_id"] else ""
    return Wanted(from_ms, until_ms, filters["vehicle_id"], filters["signal"], dispatch_id, filters["kind"])


def _utc_ms(option: str, text: str | None) -> int | None:
    from datetime import datetime

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise click.UsageError(f"{option}: expected a time with its zone, such as 2026-11-23T14:00:00Z, got {text[:40]!r}") from None


@contextmanager
def _telling() -> Iterator[None]:
    """One clear line for a journal that can't be read."""
    from v2g_console.journal.port import JournalError

    try:
        yield
    except JournalError as error:
        raise click.ClickException(visible(str(error))) from error


@contextmanager
def _reader(options: dict[str, Any]) -> "Iterator[JournalReader]":
    from v2g_console.journal.read import JournalReader

    with _telling(), JournalReader(_path(options)) as reader:
        yield reader
