"""The MQTT link in full: connection, security, traffic, what was refused and why, hints for the broker, and how it fared."""

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import ClassVar, Final

from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.link_text import LINK_STYLE, link_dot, loss_text
from v2g_console.console.model import ConsoleModel, is_active
from v2g_console.console.safe_text import line
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.times import clock_of, span_text
from v2g_console.console.widgets.link_pane import tls_text
from v2g_console.console.widgets.text_pane import COLUMN_GAP_CELLS, LABEL_CELLS, TextPane, beside, field, title
from v2g_console.contract.events import LinkChanged
from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.units import grouped

TWO_COLUMNS_FROM_CELLS: Final = 100
UNTUNED_RECEIVE_MAXIMUM: Final = 20
CHANGES_SHOWN: Final = 12


class LinkScreen(ConsoleScreen):
    """A page of facts; scrolls where it does not fit."""

    scope: ClassVar[Scope] = Scope.LINK
    AUTO_FOCUS = "TextPane"
    DEFAULT_CSS = "LinkScreen TextPane { padding: 0 1; }"

    def compose_body(self) -> Iterable[Widget]:
        """One text."""
        yield TextPane()

    def on_resize(self) -> None:
        """Draw for the new width."""
        self.refresh_from_model()

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """The newest reading."""
        self.query_one(TextPane).show(link_rows(snapshot, self.model, self.glyphs, max(20, self.size.width - 3)))


def link_rows(snapshot: Snapshot, model: ConsoleModel, glyphs: Glyphs, width_cells: int) -> list[Content]:
    """The whole page, a line a row; two columns where they fit."""
    link = snapshot.link
    two = width_cells >= TWO_COLUMNS_FROM_CELLS
    cells = (width_cells // 2 - COLUMN_GAP_CELLS if two else width_cells) - LABEL_CELLS
    state = [*_state_rows(snapshot, glyphs, cells), line(""), *_security_rows(link, glyphs)]
    traffic = _traffic_rows(snapshot, model, glyphs)
    top = beside(state, traffic, width_cells // 2) if two else [*state, line(""), *traffic]
    return [*top, *_hint_rows(link, glyphs), *_refused_rows(link), line(""), *_history_rows(model)]


def _state_rows(snapshot: Snapshot, glyphs: Glyphs, value_cells: int) -> list[Content]:
    link = snapshot.link
    since = f" for {span_text((snapshot.utc_ms - link.since_ms) / 1000)} (since {clock_of(link.since_ms)})" if link.since_ms else ""
    rows = [
        title("Connection"),
        field("state", (f"{link_dot(link.state, glyphs)} {link.state.value}", LINK_STYLE[link.state] or "bold"), since),
        field("broker", link.broker or "-"),
        field("client id", link.client_id or "-"),
        field("protocol", link.protocol or "-"),
        field("round trip", "not measured" if link.rtt_ms is None else f"{link.rtt_ms:.1f} ms"),
        field("reconnections", grouped(link.reconnects)),
    ]
    if link.state is not LinkState.UP:
        told = wrap(loss_text(link, 2 * value_cells), max(16, value_cells))
        rows[2:2] = [field("" if at else "why", (part, LINK_STYLE[link.state])) for at, part in enumerate(told)]
    elif link.cause_text:
        rows.append(field("last loss", link.cause_text))
    return rows


def _security_rows(link: LinkHealth, glyphs: Glyphs) -> list[Content]:
    rows = [
        title("Security"),
        field("encryption", (tls_text(link.tls_version), "" if link.tls_version else "bold")),
        _expiry("our certificate", link.client_certificate_days, link, glyphs),
        _expiry("the broker's", link.broker_certificate_days, link, glyphs),
    ]
    if link.credentials_fault:
        rows.append(field("not in use", (f"{glyphs.warn} {link.credentials_fault}", "bold $warning")))
    return rows


def _expiry(label: str, days: float | None, link: LinkHealth, glyphs: Glyphs) -> Content:
    soon = days is not None and days < link.certificate_warn_days
    text = "none" if days is None else f"{days:.0f} days left{f' {glyphs.warn} renew it' if soon else ''}"
    return field(label, (text, "bold $warning" if soon else ""))


def _traffic_rows(snapshot: Snapshot, model: ConsoleModel, glyphs: Glyphs) -> list[Content]:
    link = snapshot.link
    unsent = sum(view.progress.queued for view in snapshot.dispatches if is_active(view))
    dropped = model.events_dropped + snapshot.engine.events_dropped
    return [
        title("Traffic"),
        field("out", f"{link.out_per_s:.1f}/s, {grouped(link.out_total)} in all"),
        field("in", f"{link.in_per_s:.1f}/s, {grouped(link.in_total)} in all"),
        field("unsent", grouped(unsent), ("  commands decided, not yet published", "$muted")),
        field("in flight", grouped(link.in_flight), ("  published, the broker has not answered", "$muted")),
        field("queued", grouped(link.queued), ("  received, the engine has not read them", "$muted")),
        _counted("publish failed", link.publish_failed, "no receipt from the broker", glyphs),
        _counted("broker refused", link.puback_refused, "the broker said no: see its access list", glyphs),
        _counted("no subscriber", link.no_subscriber, "nobody listens on that command topic", glyphs),
        _counted("telemetry shed", link.shed, "more came in than the engine may read", glyphs),
        _counted("events dropped", dropped, "not seen here; the journal has them", glyphs),
    ]


def _counted(label: str, count: int, meaning: str, glyphs: Glyphs) -> Content:
    return field(
        label, (f"{grouped(count)}{f' {glyphs.warn}' if count else ''}", "bold $warning" if count else ""), (f"  {meaning}", "$muted")
    )


def _hint_rows(link: LinkHealth, glyphs: Glyphs) -> list[Content]:
    told = list(link.warnings)
    if link.receive_maximum is not None and link.receive_maximum <= UNTUNED_RECEIVE_MAXIMUM:
        told.append(f"Receive Maximum {link.receive_maximum}: an untuned broker drops acknowledgements; apply deploy/mosquitto/tuning.conf")
    if not told:
        return []
    return [line(""), title("Hints"), *(line((f"{glyphs.warn} {text}", "$warning")) for text in dict.fromkeys(told))]


def _refused_rows(link: LinkHealth) -> list[Content]:
    causes = sorted(link.refused.items(), key=lambda item: -item[1])
    total = grouped(sum(link.refused.values()))
    rows = [line(""), line(("Refused messages", "bold"), f"  {total}")]
    if not causes:
        return [*rows, line(("none since the start", "$muted"))]
    rows += [field(cause, grouped(count)) for cause, count in causes]
    rows += [
        line((f"{clock_of(one.ts_ms)}  ", "$muted"), f"{one.topic}  ", (f"{one.cause}  ", "bold"), (one.excerpt, "$muted"))
        for one in reversed(link.recent_refused)
    ]
    return rows


def _history_rows(model: ConsoleModel) -> Sequence[Content]:
    changes = [event for event in model.events if isinstance(event, LinkChanged)][-CHANGES_SHOWN:]
    rows = [line(("How it fared", "bold"), ("  since this console began", "$muted"))]
    if not changes:
        return [*rows, line(("no change", "$muted"))]
    return [
        *rows,
        *(line((f"{one.ts[11:19]}Z  ", "$muted"), (one.state, "bold"), f"  {one.text or one.cause}") for one in reversed(changes)),
    ]
