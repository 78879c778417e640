"""One dispatch in words: its head, what limits it, and who is left out."""

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from v2g_console.console.composer_preview import left_out_rows, limit_words
from v2g_console.console.glyphs import Glyphs, progress_bar
from v2g_console.console.progress_text import NOBODY_LEFT, nobody_left
from v2g_console.console.reason_text import by_count
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.times import clock_of, date_and_clock, left_text
from v2g_console.console.waterfall import SINCE_THE_PLAN, bar_cells, waterfall_rows
from v2g_console.console.widgets.text_pane import Said, beside, fitted, folded, title
from v2g_console.contract.moved_text import moved_words
from v2g_console.contract.snapshot import AckProgress, DispatchView
from v2g_console.contract.starting import starts_text
from v2g_console.domain.states import DispatchState
from v2g_console.domain.units import counted, duration_text, grouped, regulation_text

HEAD_LINES: Final = 5
NOTABLE_KW: Final = 0.5
WATERFALL_FROM_LINES: Final = 5
_TROUBLED: Final = frozenset({DispatchState.FAILED, DispatchState.STOPPED})


def head_rows(view: DispatchView, width_cells: int, glyphs: Glyphs) -> list[Content]:
    """The five lines that count: what, how much, answers, releases, times."""
    return [
        _what(view, width_cells, glyphs),
        _powers(view, width_cells),
        _answers(view.progress, width_cells, glyphs),
        _releases(view, glyphs),
        _times(view, width_cells),
    ]


def why_rows(view: DispatchView, width_cells: int, height_lines: int, glyphs: Glyphs) -> list[Content]:
    """What limits it (a waterfall from requested to allocated) beside who is left out; with little room a line each.

    Before its start neither is decided.
    """
    if starts_text(view):
        return [line(("Vehicles are chosen at its start: what limits it and who is left out show from then on", "$muted"))][:height_lines]
    if height_lines < WATERFALL_FROM_LINES:
        left_out = ", ".join(f"{grouped(count)} {name}" for name, count in by_count(view.left_out))
        total = sum(view.left_out.values())
        rows = [
            line(("Limited by  ", "bold"), limit_words(view.limits) or _since_the_plan(view)),
            line((f"Left out {grouped(total)}  ", "bold"), left_out or "nobody"),
        ]
        return [row.truncate(width_cells, ellipsis=True) for row in rows[:height_lines]]
    left_cells = width_cells // 2
    falls = waterfall_rows(view.requested_kw, view.allocated_kw, view.limits, bar_cells(left_cells), glyphs)
    limits = [title("Requested to allocated"), *falls]
    return beside(limits[:height_lines], left_out_rows(view.left_out, width_cells - left_cells)[:height_lines], left_cells)


def _since_the_plan(view: DispatchView) -> str:
    """What nothing held back when it was planned and is missing all the same."""
    missing_kw = abs(view.requested_kw) - abs(view.allocated_kw)
    return f"{grouped(missing_kw)} kW since the plan: {SINCE_THE_PLAN}" if missing_kw >= NOTABLE_KW else "nothing"


def more_rows(view: DispatchView, strategy: str, width_cells: int) -> list[Content]:
    """What has moved between dispatches and how well a moving target is followed; `strategy`: what the engine did last. Often nothing."""
    taken = taken_words(view)
    moved = [Said(words, "bold") for words in ([taken] if taken else []) + moved_words(view)]
    score = [] if view.tracking is None else [Said(f"tracking {view.tracking:.2f}"), Said(f"({tracking_parts(view)})", "$muted", 2)]
    rows = [fitted([*moved, *score], width_cells).truncate(width_cells, ellipsis=True)] if moved or score else []
    return [*rows, line((strategy, "$muted")).truncate(width_cells, ellipsis=True)] if strategy else rows


def tracking_parts(view: DispatchView) -> str:
    """The three scores behind `tracking`: `correlation 0.99, delay 1.00, precision 0.92`."""
    parts = (("correlation", view.tracking_correlation), ("delay", view.tracking_delay), ("precision", view.tracking_precision))
    return ", ".join(f"{name} {score:.2f}" for name, score in parts if score is not None)


def _what(view: DispatchView, width_cells: int, glyphs: Glyphs) -> Content:
    said = [
        Said(view.short_id, "bold"),
        Said(view.signal),
        Said(glyphs.draw(regulation_text(view.requested_kw)), "bold"),
        Said(_state(view), "bold $warning" if view.state in _TROUBLED else "bold"),
        Said(left_text(view.remaining_s), need=1),
        Said("" if view.due_ms is None else f"at {date_and_clock(view.due_ms)}", "bold", 1),
        Said("TEST" if view.test else "", "bold reverse"),
        Said(NOBODY_LEFT if nobody_left(view) else "", "bold $warning"),
        Said(view.outcome_reason, "bold $warning", 2),
        Said(view.note, "$muted", 3),
    ]
    return fitted(said, width_cells)


def _state(view: DispatchView) -> str:
    """In words; before its start, when that is. Nothing where what is said of nobody being left takes its place."""
    return "" if nobody_left(view) else starts_text(view) or view.state.value.replace("_", " ")


def _powers(view: DispatchView, width_cells: int) -> Content:
    """What is wrong comes before what is usual where room is short; before its start nothing is."""
    if starts_text(view):
        return fitted([Said(f"target {_kw(view.requested_kw)} kW"), Said("nothing is sent before its start", "$muted", 1)], width_cells)
    short = view.shortfall_kw >= NOTABLE_KW
    uncertain = abs(view.uncertain_kw) >= NOTABLE_KW
    same = abs(view.allocated_kw - view.requested_kw) < NOTABLE_KW
    delivered = "not measured" if view.delivered_kw is None else _kw(view.delivered_kw)
    said = [
        Said(f"target {_kw(view.requested_kw)}"),
        Said(f"asked {_kw(view.allocated_kw)}", need=4 if same else 2),
        Said(f"acked {_kw(view.acknowledged_kw)}"),
        Said(f"delivered {delivered}", need=1),
        Said("" if view.delivered_kw is None else f"({view.delivered_coverage:.0%} measured)", "$muted", 3),
        Said(f"uncertain {_kw(view.uncertain_kw)}" if uncertain else "", "bold", 2),
        Said(f"short {_kw(view.shortfall_kw)}" if short else "", "bold $warning"),
        Said("kW", "$muted", 1),
    ]
    return fitted(said, width_cells)


def _answers(progress: AckProgress, width_cells: int, glyphs: Glyphs) -> Content:
    if not progress.commanded:
        return line(("no vehicle has been asked", "$muted"))
    answered = progress.acked + progress.limited
    bar = progress_bar(answered / progress.commanded, 10, glyphs)
    open_, troubled = progress.pending + progress.queued, "bold $warning"
    retry = "" if progress.retry_in_s is None else f" in {progress.retry_in_s:.1f} s"
    said = [
        Said(f"acked {grouped(progress.acked)}/{grouped(progress.commanded)}"),
        Said(bar, "$accent", 5),
        Said(f"limited {progress.limited}", need=1 if progress.limited else 4),
        Said(f"rejected {progress.rejected}", troubled if progress.rejected else "", 0 if progress.rejected else 4),
        Said(f"silent {progress.silent}", troubled if progress.silent else "", 0 if progress.silent else 4),
        Said(f"pending {open_}", need=1 if open_ else 6),
        Said(f"let go {grouped(progress.let_go)}" if progress.let_go else "", need=1),
        Said(f"try {progress.attempt}/{progress.attempts}{retry}", need=3),
    ]
    return fitted(said, width_cells)


def _releases(view: DispatchView, glyphs: Glyphs) -> Content:
    if starts_text(view):
        return line(("release: nothing to release yet", "$muted"))
    release = view.release
    no_lease = f"  {_kw(view.without_lease_kw)} kW without a lease" if abs(view.without_lease_kw) >= NOTABLE_KW else ""
    if not release.commanded:
        lasts = "" if view.holds_s is None else f"  can hold {duration_text(view.holds_s)}"
        rebound = f"  then {_kw(view.rebound_kw)} kW of extra charging" if view.rebound_kw >= NOTABLE_KW else ""
        return line(("release: not yet", "$muted"), lasts, rebound, no_lease)
    confirmed = release.acked + release.limited
    silent = release.silent
    waiting = release.commanded - confirmed - release.lease_ended - silent
    return line(
        f"released {grouped(confirmed)}/{grouped(release.commanded)} ",
        (progress_bar(confirmed / release.commanded, 10, glyphs), "$accent"),
        f"  lease ended {grouped(release.lease_ended)}" if release.lease_ended else "",
        (f"  silent {grouped(silent)}" if silent else "", "bold $warning"),
        f"  waiting {grouped(waiting)}" if waiting else "",
        no_lease,
    )


def _times(view: DispatchView, width_cells: int) -> Content:
    """As many of the smaller facts as fit, the more important ones first."""
    stamps = (
        ("started", view.started_ms),
        ("ended" if view.ended_ms else "ends", view.ended_ms or view.ends_ms),
        ("made", view.created_ms),
    )
    started, ends, made = (f"{word} {clock_of(at_ms)}" if at_ms is not None else "" for word, at_ms in stamps)
    approved = f", approved by {view.approved_by}" if view.approved_by else ""
    who = f"by {view.by} ({view.origin}){approved}" if view.by else ""
    ref = f"ref {view.external_ref}" if view.external_ref else ""
    noted = f"noted: {view.author_note}" if view.author_note else ""
    allocator = f"allocator {view.allocator}" if view.allocator else ""
    words = (f"for {duration_text(view.duration_s)}", started, ends, who, ref, noted, allocator, made, view.dispatch_id)
    return fitted([Said(word, "$muted", need) for need, word in enumerate(words)], width_cells)


def taken_words(view: DispatchView) -> str:
    """`12 vehicles taken by #7f3a FCR, 3 vehicles taken by #81c0 MA`; "" where nobody took any."""
    return ", ".join(f"{counted(one.vehicles, 'vehicle', 'vehicles')} taken by {one.short_id} {one.signal}" for one in view.taken)


def note_rows(view: DispatchView, width_cells: int, shown: Sequence[Content]) -> list[Content]:
    """Its author's note in full, on as many lines as it needs; nothing where a line of `shown` has it already."""
    note = safe_text(view.author_note, None)
    if not note or any(note in row.plain for row in shown):
        return []
    return folded(line(("noted: ", "$muted"), note), width_cells)


def _kw(power_kw: float) -> str:
    return grouped(power_kw, 0 if abs(power_kw) >= 10 else 1)
