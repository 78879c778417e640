"""The top line of every screen: where, who, when, link, alarms, what may be done."""

from datetime import UTC, datetime
from typing import Final, Protocol, runtime_checkable

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.link_text import link_parts
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import Part, line, safe_text
from v2g_console.console.times import clock_of
from v2g_console.console.widgets.critical_line import alarm_counts, critical_line, gone_count
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.snapshot import EngineInfo, Snapshot

_WIDE, _MEDIUM, _NAMED, _NARROW = 110, 76, 60, 34
_ROLE_LETTERS: Final = {"supervisor": "SUP", "operator": "OPR", "viewer": "VIEW", "auditor": "AUD"}
_CLOCK_CELLS = 11


class HeaderLine(Horizontal):
    """One row; the clock is a widget of its own so that a second costs a digit. On the second level it says where one is."""

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
        yield Clock(self._model, self._glyphs)
        yield Lines(id="state")

    def on_resize(self) -> None:
        """Fit the new width."""
        self.show_model()

    def show_model(self) -> None:
        """Show the newest snapshot."""
        if not self.query("#place") or not self.query("#state"):
            return
        self.query_one(Clock).tick()
        width = self.size.width
        place = self.query_one("#place", Lines)
        narrow = width < _NARROW  # too narrow for a clock beside what counts
        self.query_one(Clock).display = not narrow
        crumbs = "" if narrow else crumb_text(self._crumbs(), width, self._glyphs)
        if crumbs and not self._fits_beside(crumbs, width):
            crumbs = ""
        left = place_line(self._model.snapshot, width, self._model.site_name, crumbs, self._place_cells(width, bool(crumbs)))
        place.styles.width = left.cell_length
        place.show([left])
        self.query_one("#state", Lines).show([self._state(width - left.cell_length - (0 if narrow else _CLOCK_CELLS), bool(crumbs))])

    def _crumbs(self) -> list[str]:
        """The screens from the overview to the one that this line belongs to, without the overview."""
        stack = self.app.screen_stack if self.app.is_running else []
        here = stack.index(self.screen) if self.screen in stack else 0
        return [screen.crumb for screen in stack[1 : here + 1] if isinstance(screen, HasCrumb)]

    def _fits_beside(self, crumbs: str, width_cells: int) -> bool:
        """False where the state in its shortest form would be cut for the sake of saying where one is."""
        if self._model.snapshot is None:
            return True
        left = place_line(self._model.snapshot, width_cells, self._model.site_name, crumbs, 0)
        room = width_cells - left.cell_length - _CLOCK_CELLS
        return critical_line(self._model.snapshot, self._model, self._glyphs, room).cell_length <= room

    def _place_cells(self, width_cells: int, with_count: bool) -> int:
        """What the clock, and a state in short words, leave to the place."""
        if self._model.snapshot is None:
            return width_cells
        late = self._model.contact().late
        state = _state_line(self._model.snapshot, self._glyphs, 1, False, late, self._model, with_count)
        return min(width_cells * 6 // 10, width_cells - _CLOCK_CELLS - state.cell_length)

    def _state(self, width_cells: int, with_count: bool) -> Content:
        snapshot = self._model.snapshot
        if snapshot is None:
            return line(("waiting for the engine", "$muted"))
        late = self._model.contact().late
        for verbose, with_broker in () if width_cells < _NARROW - _CLOCK_CELLS else ((2, True), (2, False), (1, False), (0, False)):
            shown = _state_line(snapshot, self._glyphs, verbose, with_broker, late, self._model, with_count)
            if shown.cell_length <= width_cells:
                return shown
        # Too narrow for words.
        return critical_line(snapshot, self._model, self._glyphs, width_cells)


class Clock(Lines):
    """UTC to the second, from this machine's clock, and a beat that moves with each new picture of the engine's.

    When the engine hangs or is gone the beat stands still at once, and the clock stops too, marked, when the picture is late.
    In a replay: the time of the recording.
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs) -> None:
        super().__init__()
        self._model = model
        self._glyphs = glyphs
        self._last = ""
        self._number = 0
        self._beat = False

    def on_mount(self) -> None:
        """Tick once a second."""
        self.tick()
        self.set_interval(1.0, self.tick)

    def tick(self) -> None:
        """Show the time now."""
        replay, snapshot = self._model.replay, self._model.snapshot
        if replay is not None:
            self.show([line((f" {clock_of(replay.status().utc_ms)}", "$foreground"))])
            return
        if self._model.contact().late:
            self.show([line((f"{self._last or clock_text()}{self._glyphs.cross}", "bold reverse"))])
            return
        now = clock_text()
        if now != self._last:  # the beat moves with the digits, so that it costs no line of its own
            self._last = now
            number = 0 if snapshot is None else snapshot.number
            self._beat, self._number = self._beat ^ (number != self._number), number
        self.show([line((f"{self._last}{self._glyphs.separator if self._beat else ' '}", "$foreground"))])


def clock_text() -> str:
    """The time of day in UTC, `14:02:07Z`."""
    return datetime.now(UTC).strftime(" %H:%M:%SZ")


@runtime_checkable
class HasCrumb(Protocol):
    """A screen that says where one is."""

    @property
    def crumb(self) -> str:
        """Its name, or the thing it shows; safe to draw."""


def crumb_text(crumbs: list[str], width_cells: int, glyphs: Glyphs) -> str:
    """`Fleet › veh000123`, from where one came to where one is; shortened from the left. "" on the overview."""
    most_cells = max(10, width_cells // 3 if width_cells >= _MEDIUM else width_cells // 4)
    joint = f" {glyphs.cursor} "
    for first in range(len(crumbs)):
        text = joint.join(([".."] if first else []) + crumbs[first:])
        if cell_len(text) <= most_cells:
            return text
    return safe_text(crumbs[-1], most_cells) if crumbs else ""


def place_line(
    snapshot: Snapshot | None, width_cells: int, site_name: str = "", crumbs: str = "", most_cells: int | None = None
) -> Content:
    """Where one is, name of the control point, role and user: the most of it that fits `most_cells` of a header `width_cells` wide.

    `site_name`: which of several sites this is; shown instead, at every width, since it is where one acts.
    """
    name_cells = 18 if width_cells >= _WIDE else 10
    site: list[Part] = [" ", (f" {safe_text(site_name, name_cells)} ", "bold reverse")] if site_name else []
    here = f" {crumbs or 'V2G CONSOLE'}"
    if snapshot is None:
        return line((here, "bold"), *site, " ")
    titled = bool(crumbs) or width_cells >= (_WIDE if site else _MEDIUM)
    place: list[Part] = [(here, "bold")] if titled else []
    if site:
        place = place + site if width_cells >= _NAMED else site + place  # narrow: where one acts must not be cut off
    room = width_cells if most_cells is None else most_cells
    shown = [line(*place, *more, " ") for more in _who(snapshot.engine, named=not site, width_cells=width_cells, name_cells=name_cells)]
    return next((one for one in shown if one.cell_length <= room), shown[-1])


def _who(engine: EngineInfo, *, named: bool, width_cells: int, name_cells: int) -> list[list[Part]]:
    """What stands behind the place, the most first: name, role and user; the name alone; nothing."""
    name: list[Part] = ["  ", (safe_text(engine.name, name_cells), "")] if named and width_cells >= _NAMED else []
    users = (14,) if width_cells >= _WIDE else (10, 6) if width_cells >= _MEDIUM else ()
    roles = (safe_text(engine.role, 12).upper(), _ROLE_LETTERS.get(engine.role, safe_text(engine.role, 4).upper()))
    who: list[list[Part]] = [
        ["  ", (role, "$muted"), " ", (safe_text(engine.user, cells), "")]
        for role in (roles if width_cells >= _WIDE else roles[1:])
        for cells in users
    ]
    return [*([*name, *one] for one in who), name, []]


def _state_line(
    snapshot: Snapshot, glyphs: Glyphs, verbose: int, with_broker: bool, late: bool, model: ConsoleModel, with_count: bool
) -> Content:
    """`with_count`: how many dispatches run, where the overview does not show it."""
    engine = snapshot.engine
    parts: list[Part] = [*link_parts(snapshot.link, glyphs, late, with_broker), "  "]
    if with_count:
        parts.append(f"{'active' if verbose == 2 else 'act'} {len(model.active_dispatches())}  ")
    parts += _alarm_parts(snapshot.alarms, glyphs, verbose)
    if snapshot.approvals:
        parts += [" ", (f"{('approve ', 'appr ', 'ap')[2 - verbose]}{len(snapshot.approvals)}", "bold $warning")]
    mode = ("READ/WRITE", "RW", "")[2 - verbose]
    if model.replay is not None:
        parts += [" ", (("REPLAY", "REPLAY", "RP")[2 - verbose], "bold reverse")]
    elif model.view_lock.locked:
        parts += [" ", (("LOCKED: L", "LOCKED", "LK")[2 - verbose], "bold reverse")]
    elif engine.read_only or "stop" in engine.denied:
        parts += [" ", (("READ-ONLY", "RO", "RO")[2 - verbose], "bold reverse")]
    elif mode:
        parts += [" ", (mode, "$muted")]
    if model.recording is not None:
        lost = model.recording.trouble
        parts += [" ", (("REC LOST" if lost else "REC") if verbose else "RC", "bold reverse $warning" if lost else "bold")]
    if engine.demo and verbose:
        parts += [" ", (" DEMO " if verbose == 2 else "DEMO", "bold reverse" if verbose == 2 else "bold")]
    if engine.stopped:
        parts += [" ", (" STOPPED " if verbose == 2 else "STOP", "bold reverse $critical")]
    return line(*parts)


def _alarm_parts(alarms: tuple[AlarmView, ...], glyphs: Glyphs, verbose: int) -> list[Part]:
    high, middle, low = alarm_counts(alarms)
    word = "alarms " if verbose else "al "
    if not high + middle + low:
        gone = gone_count(alarms)
        if gone:  # nothing is active, yet somebody has to answer
            return [(f"{word}0 ({gone} gone)" if verbose else f"{word}{gone} gone", "bold")]
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
