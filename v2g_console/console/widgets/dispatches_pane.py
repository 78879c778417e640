"""Active dispatches: target, acknowledged, delivered, short, and how many vehicles have answered."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from v2g_console.console.glyphs import Glyphs, progress_bar
from v2g_console.console.model import ConsoleModel, is_active, state_text
from v2g_console.console.nothing_text import nothing_runs
from v2g_console.console.progress_text import nobody_left, shown_progress
from v2g_console.console.safe_text import Part, line, pad_text, safe_text
from v2g_console.console.times import date_and_clock, left_text
from v2g_console.console.widgets.pane import Pane, age_mark
from v2g_console.console.widgets.text_pane import Said, fitted
from v2g_console.contract.moved_text import moved_words
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.contract.starting import starts_text
from v2g_console.contract.stop import lease_ended_text
from v2g_console.domain.states import DispatchState
from v2g_console.domain.units import grouped, regulation_text

SHORT_SHARE = 0.05
"""A shortfall above this share of the target stands out: the acknowledgement rate goal is 95 %."""
FULL_COVERAGE = 0.95
"""Delivered power counts as whole from this share of the vehicles on."""
PAST_SHOWN = 2
_FULL_WIDTH = 62


class DispatchesPane(Pane, can_focus=True):
    """The dispatches that run, and the last ones that ended if there is room. Arrows select, Enter opens."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
    ]

    class Selected(Message):
        """Another dispatch is selected."""

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(model, glyphs, id)
        self._row_ids: list[str] = []

    def title(self, snapshot: Snapshot | None) -> str:
        """How many run."""
        count = 0 if snapshot is None else sum(map(is_active, snapshot.dispatches))
        return f"Active dispatches  {count}{age_mark(self.model, snapshot)}"

    def draw(self, snapshot: Snapshot, width_cells: int, height_lines: int) -> Sequence[Content]:
        """Two lines a dispatch where they fit, else two for the selected one, else one each; a window around the selection."""
        active, past = _listed(snapshot)
        chosen = self.model.selected_dispatch()
        chosen_id = "" if chosen is None else chosen.dispatch_id
        rows: list[Content] = [] if active else [line((nothing_runs(self.model), "$muted"))]
        self._row_ids = ["" for _ in rows]
        room = height_lines - len(rows)
        views, tall_ids = _fitting(active, past, chosen_id, room)
        extra_ids = _with_moves(views, tall_ids, chosen_id, room - len(views) - len(tall_ids))
        for view in views:
            tall, extra = view.dispatch_id in tall_ids, view.dispatch_id in extra_ids
            drawn = self._rows_of(view, view.dispatch_id == chosen_id, tall, extra, width_cells)
            self._row_ids += [view.dispatch_id for _ in drawn]
            rows += drawn
        hidden = len(active) - sum(map(is_active, views))
        if hidden:
            rows.append(line((f"  and {hidden} more: use the arrows", "$muted")))
        return rows

    def action_move(self, step: int) -> None:
        """Select another dispatch."""
        snapshot = self.model.snapshot
        if snapshot is None or not snapshot.dispatches:
            return
        active, past = _listed(snapshot)
        ids = [view.dispatch_id for view in (*active, *past)]
        chosen = self.model.selected_dispatch()
        at = ids.index(chosen.dispatch_id) if chosen is not None and chosen.dispatch_id in ids else -1
        self._select(ids[min(len(ids) - 1, max(0, at + step))])

    def on_click(self, event: events.Click) -> None:
        """Select what was clicked: the dispatch that was drawn there."""
        offset = event.get_content_offset(self)
        if offset is not None and 0 <= offset.y < len(self._row_ids) and self._row_ids[offset.y]:
            self._select(self._row_ids[offset.y])

    def _select(self, dispatch_id: str) -> None:
        self.model.selected_dispatch_id = dispatch_id
        self.apply_snapshot(self.model.snapshot)
        self.post_message(self.Selected())

    def _rows_of(self, view: DispatchView, selected: bool, tall: bool, extra: bool, width_cells: int) -> list[Content]:
        rows = [head_line(view, self.glyphs, self.glyphs.cursor if selected else " ", width_cells)]
        if tall:
            rows.append(power_line(view, self.glyphs, width_cells))
        if extra:
            rows.append(moves_line(view, width_cells))
        base = "on $selection" if selected else "" if is_active(view) else "$muted"
        filled = [row.pad_right(max(0, width_cells - row.cell_length)) if selected else row for row in rows]
        return [row.stylize_before(base) if base else row for row in filled]


def _listed(snapshot: Snapshot) -> tuple[list[DispatchView], list[DispatchView]]:
    """Those that run, and the last ones that ended."""
    active = [view for view in snapshot.dispatches if is_active(view)]
    return active, [view for view in snapshot.dispatches if not is_active(view)][:PAST_SHOWN]


def _fitting(
    active: list[DispatchView], past: list[DispatchView], chosen_id: str, height_lines: int
) -> tuple[list[DispatchView], frozenset[str]]:
    """What to draw in `height_lines`, and which of it with two lines. Running ones go before past ones, all before two lines for each."""
    moves = sum(map(_has_moves, active))
    for kept_past in range(len(past), -1, -1):
        views = active + past[:kept_past]
        if 2 * len(views) + (moves if kept_past else 0) <= height_lines:
            return views, frozenset(view.dispatch_id for view in views)
    if len(active) < height_lines:
        return active, frozenset({chosen_id})
    if len(active) == height_lines:
        return active, frozenset()
    room = max(1, height_lines - 1)
    at = next((n for n, view in enumerate(active) if view.dispatch_id == chosen_id), 0)
    first = max(0, min(at - room // 2, len(active) - room))
    return active[first : first + room], frozenset()


def _has_moves(view: DispatchView) -> bool:
    return is_active(view) and (bool(view.moved) or view.tracking is not None)


def _with_moves(views: list[DispatchView], tall_ids: frozenset[str], chosen_id: str, spare_lines: int) -> frozenset[str]:
    """Those that get a third line, for what moved and how a moving target is followed; the selected one first."""
    wanting = [view.dispatch_id for view in views if _has_moves(view) and view.dispatch_id in tall_ids]
    wanting.sort(key=lambda dispatch_id: dispatch_id != chosen_id)
    return frozenset(wanting[: max(0, spare_lines)])


def moves_line(view: DispatchView, width_cells: int) -> Content:
    """`tracking 0.97  lost 22 kW to #81c0`, as much of it as fits."""
    score = [] if view.tracking is None else [Said(f"tracking {view.tracking:.2f}")]
    moved = [Said(words, "bold", 1) for words in moved_words(view)]
    return line("    ", fitted([*moved, *score], max(1, width_cells - 4)).truncate(max(1, width_cells - 4), ellipsis=True))


def head_line(view: DispatchView, glyphs: Glyphs, mark: str, width_cells: int) -> Content:
    """`› #7f3a FCR ▲ 1 500 kW  04:12 left  ████▌░ 388/412`, as much of it as fits."""
    answered, asked = answered_of(view)
    power = glyphs.draw(regulation_text(view.requested_kw))
    when = left_text(view.remaining_s) if view.state is DispatchState.ACTIVE else state_text(view)
    when = "nobody left" if nobody_left(view) else starts_text(view) or when
    count = "" if view.due_ms is not None else f"{answered}/{asked}" if is_active(view) else ended_words(view)
    if width_cells < _FULL_WIDTH:
        return line(
            f"{mark}{safe_text(view.short_id, 6)} {safe_text(view.signal, 8)} {power} ", (when.removesuffix(" left"), "$muted"), f" {count}"
        )
    left = f"{mark} {pad_text(view.short_id, 6)} {pad_text(view.signal, 9)} {pad_text(power, 11)} "
    test = "TEST " if view.test else ""
    bar_cells = min(30, width_cells - cell_len(left) - len(test) - 15 - len(count) - 2)
    bar = progress_bar(answered / asked, bar_cells, glyphs) if asked and is_active(view) and bar_cells >= 4 else ""
    parts: list[Part] = [
        (left, "bold" if is_active(view) else ""),
        (test, "bold"),
        f"{when if view.due_ms is not None else pad_text(when, 14)} ",
    ]
    return line(*parts, (bar, "$accent"), f" {count}").truncate(max(1, width_cells), ellipsis=True)


def power_line(view: DispatchView, glyphs: Glyphs, width_cells: int) -> Content:
    """`target 1 500  acked 1 431  delivered 1 402  short 69 kW`: asked, promised and measured power. The shortfall is never cut."""
    if view.due_ms is not None:
        at = f"    at {date_and_clock(view.due_ms)}, nothing is sent before"
        return line((at, "$muted")).truncate(max(1, width_cells), ellipsis=True)
    target, acked, short = f"target {grouped(view.requested_kw)}", f"acked {grouped(view.acknowledged_kw)}", short_part(view, glyphs)
    shown = line("")
    for words, gap in (
        ((target, acked, f"delivered {delivered_text(view, True)}"), "   "),
        ((target, acked, f"delivered {delivered_text(view, True)}"), "  "),
        ((target, acked, f"delivered {delivered_text(view, False)}"), "  "),
        ((acked, f"del {delivered_text(view, False)}"), "  "),
        ((), ""),
    ):
        shown = line("    ", gap.join(words), gap, short)
        if shown.cell_length <= width_cells:
            return shown
    return shown


def delivered_text(view: DispatchView, with_coverage: bool) -> str:
    """Measured power with a `~` where not all vehicles are behind it, and the share that is; `-` without telemetry."""
    if view.delivered_kw is None:
        return "-"
    if view.delivered_coverage >= FULL_COVERAGE:
        return grouped(view.delivered_kw)
    return f"{grouped(view.delivered_kw)}~{f' ({view.delivered_coverage:.0%} measured)' if with_coverage else ''}"


def short_part(view: DispatchView, glyphs: Glyphs) -> tuple[str, str]:
    """The shortfall, marked and coloured only where it matters."""
    missing = max(0.0, view.shortfall_kw)
    settled = view.state in {DispatchState.ACTIVE, DispatchState.COMPLETED}
    if settled and missing > SHORT_SHARE * abs(view.requested_kw):
        return f"short {grouped(missing)} kW {glyphs.warn}", "bold $warning"
    return f"short {grouped(missing)} kW", ""


def ended_words(view: DispatchView) -> str:
    """Of one that is over: who has not confirmed the release, else how many have, and why it ended."""
    release, why = view.release, safe_text(view.outcome_reason, 20)
    if not release.commanded:
        return why
    confirmed = release.acked + release.limited
    open_ = release.commanded - confirmed - release.lease_ended
    owed = f", owed {grouped(open_)}" if open_ else ""
    ended = lease_ended_text(release.lease_ended)
    return f"released {grouped(confirmed)}/{grouped(release.commanded)}{ended}{owed}{f': {why}' if why else ''}"


def answered_of(view: DispatchView) -> tuple[int, int]:
    """Vehicles that have answered and vehicles asked; of the release from its beginning on."""
    progress = shown_progress(view)
    return progress.acked + progress.limited + progress.rejected, progress.commanded
