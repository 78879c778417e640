"""Commands that look: status, fleet, vehicle, dispatches, alarms, link, journal, handover, forecast, diagnostics."""

from typing import Final

from v2g_console.console.fleet_filter import IdTable, parse_filter
from v2g_console.console.journal_filter import journal_filter
from v2g_console.console.plain.console import PlainConsole, UsageError
from v2g_console.console.plain.words import (
    alarm_line,
    approval_line,
    day_and_clock,
    dispatch_line,
    dispatch_lines,
    engine_lines,
    fleet_row,
    forecast_lines,
    link_line,
    status_lines,
    stop_lines,
    vehicle_lines,
)
from v2g_console.contract.forecast import ForecastView
from v2g_console.contract.handover import HandoverView
from v2g_console.contract.handover_text import text_lines
from v2g_console.contract.record import JournalPage
from v2g_console.contract.replies import VehicleView
from v2g_console.contract.requests import Fleet, Forecast, Handover, StopList
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.contract.stop import StopView
from v2g_console.domain.units import counted, duration_text, grouped, parse_duration_s

MOST_LISTED: Final = 50
_JOURNAL_ROWS: Final = 20


def picture(console: PlainConsole) -> Snapshot:
    """The newest picture, after saying so if it is old; raises UsageError before the first one."""
    if console.model.snapshot is None:
        raise UsageError("The engine has not answered yet.")
    contact = console.model.contact()
    if contact.late:
        console.say(f"This is {duration_text(contact.age_s)} old: the engine does not answer.")
    return console.model.snapshot


async def status(console: PlainConsole, _: list[str]) -> None:
    """All in short."""
    console.say(*status_lines(picture(console)))


async def fleet(console: PlainConsole, words: list[str]) -> None:
    """Vehicles that fit a filter."""
    shown, text = picture(console), " ".join(words)
    wanted = parse_filter(text)
    if wanted.problems:
        raise UsageError(f"{'; '.join(wanted.problems)}.")
    table = IdTable()
    mask = wanted.filter.mask(shown.fleet, table.lowered(shown.fleet.ids))
    rows = table.order(shown.fleet.ids)
    rows = rows if mask is None else rows[mask[rows]]
    console.say(f"{counted(len(rows), 'vehicle', 'vehicles')} of {grouped(len(shown.fleet))}{f' for {text}' if text else ''}.")
    console.say(*(fleet_row(shown, row) for row in rows[:MOST_LISTED].tolist()))
    if not len(rows) and wanted.nothing_found:
        console.say(f"{wanted.nothing_found.capitalize()}.")
    if len(rows) > MOST_LISTED:
        console.say(f"and {grouped(len(rows) - MOST_LISTED)} more: write a filter, for example soc<0.3 site:paris*")


async def vehicle(console: PlainConsole, words: list[str]) -> None:
    """One vehicle."""
    view = await vehicle_of(console, words)
    if view is not None:
        console.say(*vehicle_lines(view))


async def vehicle_of(console: PlainConsole, words: list[str]) -> VehicleView | None:
    """What the engine says of the vehicle that is named first; None, after saying why not."""
    if not words:
        raise UsageError("Name a vehicle.")
    reply = await console.ask_engine(Fleet(vehicle_id=words[0]))
    if reply is None or not isinstance(reply.result, VehicleView):
        return None
    console.model.selected_vehicle_id = reply.result.vehicle_id
    return reply.result


async def dispatches(console: PlainConsole, words: list[str]) -> None:
    """All dispatches, or all of one."""
    if words:
        console.say(*dispatch_lines(dispatch_of(console, words)))
        return
    views = picture(console).dispatches
    console.say(*(map(dispatch_line, views[:MOST_LISTED]) if views else ["No dispatch."]))


def dispatch_of(console: PlainConsole, words: list[str]) -> DispatchView:
    """The dispatch that is named first, else the only active one; it becomes the selected one. Raises UsageError."""
    views = picture(console).dispatches
    if words:
        name = words[0].lower()
        found = [view for view in views if name in {view.short_id.lower(), view.short_id.lower().lstrip("#"), view.dispatch_id.lower()}]
        if len(found) != 1:
            raise UsageError(f"{'No dispatch' if not found else 'More than one dispatch'} is called {words[0][:40]}.")
    else:
        found = list(console.model.active_dispatches())
        if len(found) != 1:
            which = ", ".join(view.short_id for view in found)
            raise UsageError(f"Which one? Active are {which}." if found else "No dispatch is active.")
    console.model.selected_dispatch_id = found[0].dispatch_id
    return found[0]


async def alarms(console: PlainConsole, _: list[str]) -> None:
    """Alarms and their rates."""
    shown = picture(console)
    rates = shown.alarm_rates
    console.say(*(map(alarm_line, shown.alarms) if shown.alarms else ["No alarm."]))
    flood = "FLOOD: " if rates.flood else ""
    console.say(f"{flood}{rates.last_10_min} in the last 10 min, {rates.last_24_h} in 24 h, {rates.shelved} shelved, {rates.stale} stale.")


async def approvals(console: PlainConsole, _: list[str]) -> None:
    """What waits for a second person."""
    waiting = picture(console).approvals
    console.say(*(map(approval_line, waiting) if waiting else ["No request waits for approval."]))


async def link(console: PlainConsole, _: list[str]) -> None:
    """The MQTT link."""
    shown = picture(console)
    health = shown.link
    console.say(
        link_line(health, shown.utc_ms),
        f"In {health.in_per_s:.1f} a second, out {health.out_per_s:.1f}; {health.reconnects} reconnections, "
        f"{sum(health.refused.values())} messages refused, {health.shed} telemetry messages dropped.",
        *(f"Warning: {warning}." for warning in health.warnings),
        *([f"Credentials: {health.credentials_fault}."] if health.credentials_fault else []),
    )


async def silent(console: PlainConsole, _: list[str]) -> None:
    """Who has not confirmed its release."""
    reply = await console.ask_engine(StopList())
    if reply is not None and isinstance(reply.result, StopView):
        console.say(*stop_lines(reply.result))


async def journal(console: PlainConsole, words: list[str]) -> None:
    """The newest entries, oldest first."""
    wanted = journal_filter(f"kind:{words[0].removeprefix('kind:')}" if words else "")
    if wanted.problem:
        raise UsageError(f"{wanted.problem[0].upper()}{wanted.problem[1:]}.")
    reply = await console.ask_engine(wanted.request(0, _JOURNAL_ROWS))
    if reply is None or not isinstance(reply.result, JournalPage):
        return
    rows = reply.result.rows
    if not rows:
        console.say("No entry.")
    console.say(
        *(
            f"{row.number} {day_and_clock(row.utc_ms)} {row.kind}{f' {row.by}' if row.by else ''}{f': {row.text}' if row.text else ''}"
            for row in rows[::-1]
        )
    )


async def handover(console: PlainConsole, words: list[str]) -> None:
    """What the next shift must know."""
    try:
        since_s = parse_duration_s(words[0]) if words else 28_800.0
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    reply = await console.ask_engine(Handover(since_s=since_s))
    if reply is not None and isinstance(reply.result, HandoverView):
        console.say(*(line for line in text_lines(reply.result) if line))


async def forecast(console: PlainConsole, _: list[str]) -> None:
    """The hours to come."""
    reply = await console.ask_engine(Forecast())
    if reply is not None and isinstance(reply.result, ForecastView):
        console.say(*forecast_lines(reply.result))


async def diagnostics(console: PlainConsole, _: list[str]) -> None:
    """The program itself."""
    console.say(*engine_lines(picture(console)), f"Events dropped before this console saw them: {grouped(console.model.events_dropped)}.")


async def wait(console: PlainConsole, words: list[str]) -> None:
    """Let time pass."""
    try:
        await console.pass_time(min(parse_duration_s(words[0]), 86_400.0))
    except (ValueError, IndexError):
        raise UsageError("Say how long.") from None
