"""What the program itself does: versions, loop lag, memory, how old the picture is, what was told, the last events, the configuration."""

import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar, Final

import msgspec
from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.background import start_work, still_there
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ENGINE_LATE_S, ConsoleModel
from v2g_console.console.operating import OperatingApp
from v2g_console.console.safe_text import line, pad_text
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.steady_ask import trouble_text
from v2g_console.console.times import clock_of, span_text
from v2g_console.console.widgets.text_pane import TextPane, beside, field, folded, title
from v2g_console.contract.configuration import ConfigurationView
from v2g_console.contract.events import DispatchProgress, Event
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Configuration
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.units import grouped

LAG_WARN_MS: Final = 100.0
TWO_COLUMNS_FROM_CELLS: Final = 100
TOLD_SHOWN: Final = 12
EVENTS_SHOWN: Final = 40
_PACKAGES: Final = ("textual", "aiomqtt", "paho-mqtt", "numpy", "msgspec")
_COMMON_KEYS: Final = frozenset({"event", "ts", "schema"})


class DiagnosticsScreen(ConsoleScreen):
    """For whoever looks after the program. Nothing here is needed to dispatch."""

    scope: ClassVar[Scope] = Scope.DIAGNOSTICS
    AUTO_FOCUS = "TextPane"
    DEFAULT_CSS = "DiagnosticsScreen TextPane { padding: 0 1; }"

    def __init__(self, model: ConsoleModel, glyphs: Glyphs) -> None:
        super().__init__(model, glyphs)
        self._configuration: ConfigurationView | str = "asking the engine"

    def on_mount(self) -> None:
        """Ask once what the engine was started with: it does not change."""
        super().on_mount()
        start_work(self, "configuration", self._ask_configuration)

    async def _ask_configuration(self) -> None:
        reply: Reply | OSError
        try:
            reply = await self.model.request(Configuration())
        except OSError as error:
            reply = error
        found = reply.result if isinstance(reply, Accepted) else None
        self._configuration = found if isinstance(found, ConfigurationView) else trouble_text(reply) or "the engine does not tell"
        if still_there(self):
            self.refresh_from_model()

    def compose_body(self) -> Iterable[Widget]:
        """One text."""
        yield TextPane()

    def on_resize(self) -> None:
        """Draw for the new width."""
        self.refresh_from_model()

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """The newest figures."""
        told = tuple(self.app.notices) if isinstance(self.app, OperatingApp) else ()
        console = [
            title("Console"),
            field("theme", self.app.theme),
            field("size", f"{self.app.size.width} x {self.app.size.height}"),
            field("picture", f"number {snapshot.number}, {self.model.contact().age_s:.1f} s old"),
            field("events seen", grouped(len(self.model.events))),
            field("events dropped", grouped(self.model.events_dropped)),
        ]
        width = max(20, self.size.width - 3)
        engine, rest = engine_rows(snapshot, self.glyphs), [*console, line(""), *version_rows(snapshot)]
        top = beside(engine, rest, width // 2) if width >= TWO_COLUMNS_FROM_CELLS else [*engine, line(""), *rest]
        known = self._configuration
        settings = configuration_rows(known, width) if isinstance(known, ConfigurationView) else [line((known, "$muted"))]
        page = [*top, line(""), *_told_rows(told), line(""), *event_rows(self.model), line(""), title("Configuration")]
        self.query_one(TextPane).show([*(part for row in page for part in folded(row, width)), *settings])


def engine_rows(snapshot: Snapshot, glyphs: Glyphs) -> list[Content]:
    """The engine's own health."""
    engine, link, slow = snapshot.engine, snapshot.link, snapshot.engine.loop_lag_ms > LAG_WARN_MS
    lag = f"{engine.loop_lag_ms:.1f} ms {f'{glyphs.warn} deadlines may slip' if slow else 'worst in 10 s'}"
    return [
        title("Engine"),
        field("name", engine.name),
        field("runs", f"{span_text((snapshot.utc_ms - engine.started_ms) / 1000)} (since {clock_of(engine.started_ms)})"),
        field("ready", "yes" if engine.ready else "not yet: link and discovery"),
        field("loop lag", (lag, "bold $warning" if slow else "")),
        field("memory", f"{engine.memory_mib:.0f} MiB"),
        field("fleet columns", f"{grouped(len(snapshot.fleet))} rows, revision {snapshot.fleet.revision}"),
        field("dispatches kept", grouped(len(snapshot.dispatches))),
        field("events", f"{grouped(engine.events_kept)} kept for late readers, {grouped(engine.events_dropped)} dropped"),
        field("queues", f"in {grouped(link.queued)}, in flight {grouped(link.in_flight)}, journal {grouped(engine.journal_queue)}"),
        field("ack timeout", f"{engine.ack_timeout_s:g} s"),
        field("late after", f"{ENGINE_LATE_S:g} s without a picture"),
    ]


def configuration_rows(found: ConfigurationView, width_cells: int) -> list[Content]:
    """A line a key: value and origin; what somebody set stands out from the defaults. What is too long has its origin on the next line."""
    if not found.rows:
        return [line(("the engine was started without one", "$muted"))]
    cells = max(len(one.key) for one in found.rows)
    shown = []
    for one in found.rows:
        style = "$muted" if one.origin == "default" else ""
        origin = (one.origin, "$muted")
        whole = line((pad_text(one.key, cells + 2), style), one.value, "  ", origin)
        if whole.cell_length <= width_cells:
            shown.append(whole)
        else:
            shown += folded(line((one.key, style), "  ", one.value), width_cells)
            shown += folded(line("    ", origin), width_cells, 4)
    return shown


def version_rows(snapshot: Snapshot) -> list[Content]:
    """What runs."""
    return [
        title("Versions"),
        field("engine", snapshot.engine.version),
        field("Python", platform.python_version()),
        *(field(name, _version_of(name)) for name in _PACKAGES),
    ]


@cache
def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _told_rows(told: tuple[str, ...]) -> list[Content]:
    rows = [line(("Told on this console", "bold"), ("  newest first; the log has it too", "$muted"))]
    return [*rows, *(line(text) for text in reversed(told[-TOLD_SHOWN:]))] if told else [*rows, line(("nothing yet", "$muted"))]


def event_rows(model: ConsoleModel) -> list[Content]:
    """The last events, newest first; progress is left out, there is too much of it."""
    events = [event for event in reversed(model.events) if not isinstance(event, DispatchProgress)][:EVENTS_SHOWN]
    rows = [line(("Events", "bold"), ("  newest first, without dispatch.progress", "$muted"))]
    return [*rows, *map(_event_row, events)] if events else [*rows, line(("none yet", "$muted"))]


def _event_row(event: Event) -> Content:
    fields = msgspec.to_builtins(event)
    words = [f"{key}={value}" for key, value in fields.items() if key not in _COMMON_KEYS and value not in ("", None, {}, [], 0)]
    return line((f"{event.ts[11:19]}Z  ", "$muted"), (f"{fields['event']}  ", "bold"), " ".join(words))
