"""What comes next by itself: dispatches that begin or end, power that can't be held any longer, requests that lapse."""

from dataclasses import dataclass
from typing import Final

from textual.content import Content

from v2g_console.console.approval_text import what_text
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.times import clock_of, span_text
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.domain.states import DispatchState
from v2g_console.domain.units import duration_text, grouped, regulation_text

_WORTH_TELLING_KW: Final = 0.5


@dataclass(frozen=True, slots=True)
class Commitment:
    """At `at_ms` (UTC ms) something happens; `urgent`: it wants to be thought of before."""

    at_ms: int
    text: str
    urgent: bool = False


def commitments(snapshot: Snapshot) -> list[Commitment]:
    """All that is known to come, soonest first."""
    found = [one for view in snapshot.dispatches for one in _of_dispatch(view, snapshot.utc_ms)]
    found += [
        Commitment(one.expires_ms, f"{safe_text(one.by, 16)}'s request lapses: {safe_text(what_text(one), 60)}", urgent=True)
        for one in snapshot.approvals
    ]
    found += [Commitment(max(one.begins_ms, snapshot.utc_ms), safe_text(one.short_words, 120), urgent=True) for one in snapshot.proposals]
    return sorted(found, key=lambda one: one.at_ms)


def commitment_rows(snapshot: Snapshot, most: int, width_cells: int, glyphs: Glyphs) -> list[Content]:
    """`14:06:19Z  in 4 m 12 s  #7f3a FCR ▲ 1 500 kW ends`: at most `most` lines, the last one says how many more there are."""
    found = commitments(snapshot)
    if not found:
        return [line(("nothing scheduled, nothing runs", "$muted"))]
    shown = found if len(found) <= most else found[: max(1, most - 1)]
    rows = [_row(one, snapshot.utc_ms, glyphs).truncate(max(1, width_cells), ellipsis=True) for one in shown]
    return rows if len(shown) == len(found) else [*rows, line((f"and {len(found) - len(shown)} more", "$muted"))]


def _row(one: Commitment, utc_ms: int, glyphs: Glyphs) -> Content:
    left = f"in {_coarse((one.at_ms - utc_ms) / 1000)}"
    mark = f"{glyphs.warn} " if one.urgent else ""
    return line(
        (clock_of(one.at_ms), "bold"), (f"  {left:<10}  ", "$muted"), (mark + glyphs.draw(one.text), "bold $warning" if one.urgent else "")
    )


def _coarse(seconds: float) -> str:
    """Minutes are enough, and a line that does not change costs nothing; the last minute is told as such."""
    return "< 1 m" if seconds < 60 else span_text(seconds).split(" m ")[0] + " m" if seconds < 3600 else span_text(seconds)


def _of_dispatch(view: DispatchView, utc_ms: int) -> list[Commitment]:
    name = f"{safe_text(view.short_id, 6)} {safe_text(view.signal, 9)} {regulation_text(view.requested_kw)}"
    if view.state is DispatchState.ARMED and view.due_ms is not None:
        return [Commitment(view.due_ms, f"{name} begins, for {duration_text(view.duration_s)}")]
    if view.remaining_s is None or view.ends_ms is None:
        return []
    after = f", then about {grouped(view.rebound_kw)} kW of charging comes back" if view.rebound_kw > _WORTH_TELLING_KW else ""
    found = [Commitment(view.ends_ms, f"{name} ends{after}")]
    if view.holds_s is not None and view.holds_s < view.remaining_s:
        found.append(Commitment(utc_ms + round(view.holds_s * 1000), f"{name} can't be held in full any longer", urgent=True))
    return found
