"""How the acknowledgements of the selected dispatch come in, and once it ends those of its release: counts, retries, latency."""

from collections.abc import Sequence

from textual.content import Content

from v2g_console.console.event_text import answers_text
from v2g_console.console.glyphs import Glyphs, histogram
from v2g_console.console.progress_text import NOBODY_LEFT, nobody_left, shows_release
from v2g_console.console.reason_text import by_count
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.times import latency_text
from v2g_console.console.widgets.pane import Pane, age_mark, packed
from v2g_console.contract.snapshot import LATENCY_BINS_MS, AckProgress, Snapshot
from v2g_console.contract.starting import starts_text
from v2g_console.domain.units import grouped

Word = tuple[str, str]


class AckPane(Pane):
    """Follows the selection of the dispatches pane."""

    def title(self, snapshot: Snapshot | None) -> str:
        """Whose acknowledgements."""
        view = self.model.selected_dispatch()
        which = "" if view is None else f" {safe_text(view.short_id, 8)}"
        what = "Release progress" if view is not None and shows_release(view) else "Ack progress"
        return f"{what}{which}{age_mark(self.model, snapshot)}"

    def draw(self, snapshot: Snapshot, width_cells: int, height_lines: int) -> Sequence[Content]:
        """Counts first, then latency, then what limits it."""
        view = self.model.selected_dispatch()
        if view is None:
            return [line(("Nothing to acknowledge yet", "$muted"))]
        if starts_text(view):
            return [line((f"{starts_text(view)}: no vehicle is asked before", "$muted")).truncate(width_cells, ellipsis=True)]
        if shows_release(view):
            progress = view.progress
            before = answers_text(progress.acked, progress.limited, progress.rejected, progress.silent, progress.commanded, progress.let_go)
            rows = packed(release_words(view.release, self.glyphs), width_cells)
            rows.append(line((f"before: {before}", "$muted")).truncate(width_cells, ellipsis=True))
            return [*rows, *latency_rows(view.release, self.glyphs, width_cells)]
        rows = packed(count_words(view.progress, self.glyphs), width_cells)
        if nobody_left(view):
            rows.insert(0, line((f"{self.glyphs.warn} {NOBODY_LEFT}", "bold $warning")).truncate(width_cells, ellipsis=True))
        rows += latency_rows(view.progress, self.glyphs, width_cells)
        if view.limits:
            limits = ", ".join(f"{safe_text(name, 16)} {grouped(kw)} kW" for name, kw in view.limits[:3])
            rows.append(line((f"limited by {limits}", "$muted")).truncate(width_cells, ellipsis=True))
        if view.left_out:
            words = ", ".join(f"{grouped(count)} {safe_text(name, 16)}" for name, count in by_count(view.left_out))
            total = grouped(sum(view.left_out.values()))
            rows.append(line((f"left out {total}: {words}", "$muted")).truncate(width_cells, ellipsis=True))
        return rows


def release_words(release: AckProgress, glyphs: Glyphs) -> list[Word]:
    """`released 371 of 400`, who is waited for and who is silent: of vehicles that are sent back, not of their commands before."""
    words: list[Word] = [(f"released {grouped(release.acked + release.limited)} of {grouped(release.commanded)}", "bold")]
    words.append((f"silent {grouped(release.silent)}{glyphs.warn if release.silent else ''}", "bold $warning" if release.silent else ""))
    if release.lease_ended:
        words.append((f"lease ended {grouped(release.lease_ended)}", ""))
    waiting = release.commanded - release.acked - release.limited - release.lease_ended - release.silent
    return [*words, (f"waiting {grouped(waiting)}", "")] if waiting > 0 else words


def count_words(progress: AckProgress, glyphs: Glyphs) -> list[Word]:
    """The counts as words; refused and silent vehicles stand out, the others don't."""
    words: list[Word] = [(f"acked {grouped(progress.acked)} of {grouped(progress.commanded)}", "bold"), (f"limited {progress.limited}", "")]
    words.append((f"rejected {progress.rejected}{glyphs.cross if progress.rejected else ''}", "bold $warning" if progress.rejected else ""))
    words.append((f"silent {progress.silent}{glyphs.warn if progress.silent else ''}", "bold $warning" if progress.silent else ""))
    if progress.let_go:
        words.append((f"let go {progress.let_go}", ""))
    if progress.pending or progress.queued:
        words.append((f"waiting {progress.pending}", ""))
    if progress.queued:
        words.append((f"unsent {progress.queued}", ""))
    if progress.retry_in_s is not None:
        words.append((f"retry {progress.attempt}/{progress.attempts} in {progress.retry_in_s:.1f} s", ""))
    elif progress.attempts > 1 and progress.attempt > 1:
        words.append((f"attempt {progress.attempt}/{progress.attempts}", ""))
    return words


def latency_rows(progress: AckProgress, glyphs: Glyphs, width_cells: int) -> list[Content]:
    """Percentiles, with the histogram beside them or below."""
    if progress.p50_ms is None:
        return [line(("no latency measured yet", "$muted"))]
    values = f"p50 {latency_text(progress.p50_ms)}  p95 {latency_text(progress.p95_ms)}  p99 {latency_text(progress.p99_ms)}"
    bars = histogram(progress.histogram, glyphs)
    if not bars:
        return [line(values)]
    scale = f" {LATENCY_BINS_MS[0]:.0f} ms..{LATENCY_BINS_MS[-1] / 1000:.0f} s"
    room = width_cells - len(values) - 3
    if room >= len(bars) + len(scale):
        return [line(values, "   ", (bars, "$accent"), (scale, "$muted"))]
    if room >= len(bars):
        return [line(values, "   ", (bars, "$accent"))]
    return [line(values), line((bars, "$accent"), (scale, "$muted"))]
