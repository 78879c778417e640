"""The MQTT link: state and since when, security, traffic, what was refused."""

from collections.abc import Sequence

from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.link_text import LINK_STYLE, link_dot, loss_text
from v2g_console.console.model import is_active
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.times import span_text
from v2g_console.console.widgets.pane import Pane, packed
from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.contract.snapshot import Snapshot

Word = tuple[str, str]


class LinkPane(Pane):
    """State first; while the link is up the cause of an old loss is not shown."""

    def title(self, snapshot: Snapshot | None) -> str:
        """The name, with a mark if the picture is old."""
        return f"MQTT link{' ~ old' if self.model.contact().late else ''}"

    def draw(self, snapshot: Snapshot, width_cells: int, height_lines: int) -> Sequence[Content]:
        """State and security, traffic, trouble, warnings."""
        link = snapshot.link
        rows = packed(state_words(link, snapshot.utc_ms, self.glyphs), width_cells)
        if link.state is not LinkState.UP:
            rows[1:1] = [line((safe_text(loss_text(link, width_cells), width_cells), LINK_STYLE[link.state]))]
        unsent = sum(view.progress.queued for view in snapshot.dispatches if is_active(view))
        rows += packed(traffic_words(link, unsent), width_cells)
        dropped = self.model.events_dropped + snapshot.engine.events_dropped
        rows += packed(trouble_words(link, dropped, self.glyphs), width_cells)
        # Warnings take the place of the last ordinary lines rather than fall off the lower edge; state and cause stay.
        keep = max(2 if link.state is not LinkState.UP else 1, height_lines - len(link.warnings))
        shown = link.warnings[: max(0, height_lines - min(keep, len(rows)))]
        more = f" (+{len(link.warnings) - len(shown)})" if len(shown) < len(link.warnings) else ""
        told = [f"{self.glyphs.warn}{more} {text}" for text in shown]
        return [*rows[:keep], *(line((safe_text(text, width_cells), "$warning")) for text in told)]


def state_words(link: LinkHealth, utc_ms: int, glyphs: Glyphs) -> list[Word]:
    """`● up 3 h 12 m  MQTT 5  TLS 1.3  cert 41 d  rtt 3 ms`."""
    since = f" {span_text((utc_ms - link.since_ms) / 1000)}" if link.since_ms else ""
    words: list[Word] = [(f"{link_dot(link.state, glyphs)} {link.state.value}{since}", LINK_STYLE[link.state] or "bold")]
    if link.rtt_ms is not None:
        words.append((f"rtt {link.rtt_ms:.0f} ms", ""))
    words.append((tls_text(link.tls_version), ""))
    if link.certificate_days is not None:
        soon = link.certificate_days < link.certificate_warn_days
        words.append((f"cert {link.certificate_days:.0f} d{glyphs.warn if soon else ''}", "bold $warning" if soon else ""))
    if link.protocol:
        words.append((safe_text(link.protocol, 12), ""))
    return words


def tls_text(version: str) -> str:
    """`TLS 1.3` for `TLSv1.3`; `plaintext` without TLS."""
    return safe_text(version.replace("TLSv", "TLS "), 12) or "plaintext"


def traffic_words(link: LinkHealth, unsent: int) -> list[Word]:
    """Rates and what is on the way."""
    return [
        (f"out {_rate(link.out_per_s)}", ""),
        (f"in {_rate(link.in_per_s)}", ""),
        (f"unsent {unsent}", ""),
        (f"in flight {link.in_flight}", ""),
        (f"queued {link.queued}", "") if link.queued else (f"reconnects {link.reconnects}", ""),
    ]


def trouble_words(link: LinkHealth, events_dropped: int, glyphs: Glyphs) -> list[Word]:
    """Counts since the start; what the broker would not take and what was dropped stand out."""
    refused = sum(link.refused.values())
    causes = sorted(link.refused.items(), key=lambda item: -item[1])[:3]
    told = f" ({', '.join(f'{safe_text(cause, 24)} {count}' for cause, count in causes)})" if causes else ""
    words: list[Word] = [(f"refused {refused}{told}", "")]
    for count, name in (
        (link.publish_failed, "publish failed"),
        (link.puback_refused, "broker refused"),
        (link.no_subscriber, "no subscriber"),
        (link.shed, "telemetry shed"),
        (events_dropped, "events dropped"),
    ):
        if count:
            words.append((f"{name} {count}{glyphs.warn}", "bold $warning"))
    if link.queued:
        words.append((f"reconnects {link.reconnects}", ""))
    return words


def _rate(per_s: float) -> str:
    return f"{per_s:.1f}/s" if per_s < 10 else f"{per_s:.0f}/s"
