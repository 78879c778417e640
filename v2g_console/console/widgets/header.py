"""The top line of every screen: where, who, when, link, alarms, what may be done."""

from datetime import UTC, datetime

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.link_text import link_parts
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import Part, line, safe_text
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.snapshot import AlarmView, Snapshot

_WIDE, _MEDIUM = 110, 76


class HeaderLine(Horizontal):
    """One row; the clock is a widget of its own so that a second costs a digit."""

    DEFAULT_CSS = """
    HeaderLine { height: 1; dock: top; background: $panel; color: $foreground; }
    HeaderLine #place { width: auto; max-width: 60%; }
    HeaderLine Clock { width: 11; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs) -> None:
        super().__init__()
        self._model = model
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Place and person, clock, state."""
        yield Lines(id="place")
        yield Clock()
        yield Lines(id="state")

    def on_resize(self) -> None:
        """Fit the new width."""
        self.show_model()

    def show_model(self) -> None:
        """Show the newest snapshot."""
        if not self.query("#place") or not self.query("#state"):
            return
        width = self.size.width
        place = self.query_one("#place", Lines)
        left = place_line(self._model.snapshot, width)
        place.styles.width = left.cell_length
        place.show([left])
        self.query_one("#state", Lines).show([self._state(width - left.cell_length - 11)])

    def _state(self, width_cells: int) -> Content:
        snapshot = self._model.snapshot
        if snapshot is None:
            return line(("waiting for the engine", "$muted"))
        late = self._model.contact().late
        for verbose, with_broker in ((2, True), (2, False), (1, False), (0, False)):
            shown = _state_line(snapshot, self._glyphs, verbose, with_broker, late)
            if shown.cell_length <= width_cells:
                return shown
        return shown


class Clock(Lines):
    """UTC to the second, from this machine's clock."""

    def on_mount(self) -> None:
        """Tick once a second."""
        self.tick()
        self.set_interval(1.0, self.tick)

    def tick(self) -> None:
        """Show the time now."""
        self.show([line((clock_text(), "$foreground"))])


def clock_text() -> str:
    """The time of day in UTC, `14:02:07Z`."""
    return datetime.now(UTC).strftime(" %H:%M:%SZ")


def place_line(snapshot: Snapshot | None, width_cells: int) -> Content:
    """Name of the control point, role and user, as far as they fit in the left part of a header `width_cells` wide."""
    if snapshot is None:
        return line((" V2G CONSOLE ", "bold"))
    engine = snapshot.engine
    parts: list[Part] = [(" V2G CONSOLE", "bold")] if width_cells >= _MEDIUM else []
    name_cells = 18 if width_cells >= _WIDE else 10
    if width_cells >= 60:
        parts += ["  ", (safe_text(engine.name, name_cells), "")]
    if width_cells >= _WIDE:
        parts += ["  ", (safe_text(engine.role, 12).upper(), "$muted"), " ", (safe_text(engine.user, 14), "")]
    elif width_cells >= 90:
        parts += ["  ", (safe_text(engine.user, 10), "")]
    return line(*parts, " ")


def alarm_counts(alarms: tuple[AlarmView, ...]) -> tuple[int, int, int]:
    """Active alarms of high, middle and low priority."""
    active = [alarm.priority for alarm in alarms if alarm.active]
    return active.count(1), active.count(2), sum(priority > 2 for priority in active)


def _state_line(snapshot: Snapshot, glyphs: Glyphs, verbose: int, with_broker: bool, late: bool) -> Content:
    engine = snapshot.engine
    parts: list[Part] = [*link_parts(snapshot.link, glyphs, late, with_broker), "  "]
    parts += _alarm_parts(snapshot.alarms, glyphs, verbose)
    mode = ("READ/WRITE", "RW", "")[2 - verbose]
    if engine.read_only:
        parts += [" ", (("READ-ONLY", "RO", "RO")[2 - verbose], "bold reverse")]
    elif mode:
        parts += [" ", (mode, "$muted")]
    if engine.demo and verbose:
        parts += [" ", (" DEMO " if verbose == 2 else "DEMO", "bold reverse" if verbose == 2 else "bold")]
    if engine.stopped:
        parts += [" ", (" STOPPED " if verbose == 2 else "STOP", "bold reverse $critical")]
    return line(*parts)


def _alarm_parts(alarms: tuple[AlarmView, ...], glyphs: Glyphs, verbose: int) -> list[Part]:
    high, middle, low = alarm_counts(alarms)
    word = "alarms " if verbose else "al "
    if not high + middle + low:
        return [(f"{word}0", "$muted")]
    parts: list[Part] = [(word, "")]
    # Letter and shape come before colour: H and M stay readable without any.
    for count, mark, style in (
        (high, f"H{glyphs.critical}", "bold $critical"),
        (middle, f"M{glyphs.warn}", "bold $warning"),
        (low, "L", ""),
    ):
        if count:
            parts += [(f"{count}{mark} ", style)]
    return parts
