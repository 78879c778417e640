"""The dialog for a new target of a running dispatch: a field that checks itself, what is asked for now, and what the engine could give."""

import math
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Static

from v2g_console.console.background import start_work, still_there
from v2g_console.console.composer_fields import Word, direction_words, read_power
from v2g_console.console.composer_preview import limit_words
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel, is_active, state_text
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.steady_ask import trouble_text
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.replies import PlanView, Refused, Reply, Result
from v2g_console.contract.requests import Plan
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.domain.signal import UnknownSignalError, WrongDirectionError, parse_signal
from v2g_console.domain.units import counted, grouped, regulation_text

NOTABLE_KW: Final = 0.05
_PLAN_CELLS: Final = 72  # before the first layout
DEBOUNCE_S: Final = 0.15
PREVIEW_WAIT_S: Final = 5.0
"""Without a preview after this long the operator may go on: a slow engine must not make a new target in an emergency impossible."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a new target would come to, in lines. Not `known`: the engine did not say, and the first line tells why."""

    lines: tuple[str, ...]
    known: bool = True


@dataclass(frozen=True, slots=True)
class NewTarget:
    """What was written, in kW with its sign, and the preview of exactly that power."""

    power_kw: float
    preview: Preview


class UpdateTargetDialog(ModalScreen[NewTarget | None]):
    """Returns the new target with its preview, None for none. Sends nothing: Enter leads to a question, Escape leaves.

    Enter before the preview is there waits for it, `PREVIEW_WAIT_S` at most; an edit meanwhile takes that Enter back.

    The field starts with the present target, so that Enter without an edit changes nothing; it takes no letters, so that the key that
    opened the dialog can't spoil it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    AUTO_FOCUS = "#target-power"
    VERTICAL_BREAKPOINTS = [(0, "-bare"), (8, "-tiny"), (14, "-room"), (20, "-tall")]  # noqa: RUF012 - Textual declares it so
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (40, "-wide")]  # noqa: RUF012 - Textual declares it so
    DEFAULT_CSS = """
    UpdateTargetDialog { align: center middle; background: $background 60%; }
    UpdateTargetDialog > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: solid $focus; border-title-color: $foreground; border-title-style: bold; padding: 0 1;
    }
    UpdateTargetDialog Horizontal { height: 1; margin: 1 0; }
    UpdateTargetDialog Static { width: 16; color: $muted; }
    UpdateTargetDialog Input { width: 20; background: $panel; color: $foreground; }
    UpdateTargetDialog Input:focus { background: $selection; }
    UpdateTargetDialog #target-now { height: 2; }
    UpdateTargetDialog #target-says, UpdateTargetDialog #target-keys { height: 1; }
    UpdateTargetDialog #target-plan { height: 3; }
    UpdateTargetDialog.-tall #target-plan { height: 4; }
    UpdateTargetDialog.-tiny Horizontal, UpdateTargetDialog.-bare Horizontal { margin: 0; }
    UpdateTargetDialog.-tiny #target-plan, UpdateTargetDialog.-bare #target-plan { height: 1; }
    UpdateTargetDialog.-bare #target-now, UpdateTargetDialog.-bare #target-keys { display: none; }
    UpdateTargetDialog.-narrow Static { display: none; }
    UpdateTargetDialog.-narrow Input { width: 100%; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, view: DispatchView) -> None:
        super().__init__()
        self.model, self.glyphs = model, glyphs
        self._view = view
        self._preview: Preview | None = None  # of the power in the field
        self._going_on = False  # Enter was pressed for it
        self._rest: Timer | None = None
        self._wait: Timer | None = None
        self._asked = 0

    def compose(self) -> ComposeResult:
        """What is asked for now, the field, a word on it, the keys."""
        with Vertical() as box:
            box.border_title = line(" Update the target ")
            yield Lines(id="target-now")
            with Horizontal():
                yield Static(Content("new target kW"))
                yield Input(plain(self._view.requested_kw), id="target-power", compact=True, max_length=20, restrict=r"[-+0-9., ]*")
            yield Lines(id="target-says")
            yield Lines(id="target-plan")
            yield Lines(id="target-keys")

    def on_mount(self) -> None:
        """Show what is known; the whole field is replaced by the first digit typed."""
        self.query_one(Input).action_select_all()
        self.query_one("#target-keys", Lines).show([line(("Enter", "bold"), " go on   ", ("Esc", "bold"), " leave")])
        self._draw()

    def on_resize(self) -> None:
        """Draw for the new width."""
        self._draw()

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """The dispatch goes on while this is open."""
        self._view = self.model.dispatch(self._view.dispatch_id) or self._view
        self._draw()

    @on(Input.Changed)
    def typed(self) -> None:
        """Check at each keystroke; ask the engine what it would come to once the typing rests."""
        self._forget()
        power_kw, _ = check_target(self.query_one(Input).value, self._view)
        if power_kw is not None:
            self._rest = self.set_timer(DEBOUNCE_S, lambda: self._plan(power_kw))
        self._draw()

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Leave with the new target, if it is one, and as soon as it is known what it comes to."""
        event.stop()
        power_kw, _ = check_target(event.value, self._view)
        if power_kw is None:
            return
        if self._preview is not None:
            self._leave_with(power_kw, self._preview)
            return
        self._going_on = True
        if self._wait is None:
            self._plan(power_kw)
        self._draw()

    def action_leave(self) -> None:
        """Change nothing."""
        self._forget()
        if self.is_active:
            self.dismiss(None)

    def _forget(self) -> None:
        """Whatever was asked, and meant, is about another power."""
        self._asked, self._preview, self._going_on = self._asked + 1, None, False
        for timer in (self._rest, self._wait):
            if timer is not None:
                timer.stop()
        self._rest = self._wait = None

    def _plan(self, power_kw: float) -> None:
        if self._rest is not None:
            self._rest.stop()
        number = self._asked
        self._wait = self.set_timer(PREVIEW_WAIT_S, lambda: self._heard(number, power_kw, WAITED_OUT))
        start_work(self, "preview", self._ask, number, power_kw, exclusive=True)

    async def _ask(self, number: int, power_kw: float) -> None:
        view = self._view
        request = Plan(signal=view.signal, power_kw=power_kw, duration_s=view.duration_s, instead_of=view.dispatch_id)
        try:
            reply: Reply | OSError = await self.model.request(request)
        except OSError as error:  # ConnectionError and TimeoutError are among them
            reply = error
        self._heard(number, power_kw, preview_of(reply))

    def _heard(self, number: int, power_kw: float, preview: Preview) -> None:
        """A preview came, or was waited for long enough; one that comes later still takes the place of having none."""
        if number != self._asked or not still_there(self) or (self._preview is not None and self._preview.known):
            return  # something else is in the field by now, or the dialog is left
        self._preview = preview
        still_kw, _ = check_target(self.query_one(Input).value, self._view)
        if self._going_on and self.is_active and still_kw == power_kw:
            self._leave_with(power_kw, preview)
            return
        self._going_on = False  # another question is above, or the dispatch went on: Enter is wanted again
        self._draw()

    def _leave_with(self, power_kw: float, preview: Preview) -> None:
        self._forget()
        self.dismiss(NewTarget(power_kw, preview))

    def _draw(self) -> None:
        view = self._view
        _, word = check_target(self.query_one(Input).value, view)
        head = f"{safe_text(view.short_id, 8)} {safe_text(view.signal, 12)}, {state_text(view)}"
        now = f"target {regulation_text(view.requested_kw)}, acknowledged {regulation_text(view.acknowledged_kw)}"
        self.query_one("#target-now", Lines).show([line((head, "bold")), line(self.glyphs.draw(now))])
        self.query_one("#target-says", Lines).show([line((self.glyphs.draw(word.text), "bold $warning" if word.wrong else "$muted"))])
        plan = self.query_one("#target-plan", Lines)
        width_cells = plan.size.width or _PLAN_CELLS
        plan.show([row for words in self._preview_lines() for row in line(self.glyphs.draw(words)).wrap(max(2, width_cells))])

    def _preview_lines(self) -> tuple[str, ...]:
        if self._preview is not None:
            return self._preview.lines
        return (f"asking the engine what it comes to, {PREVIEW_WAIT_S:g} s at most",) if self._going_on else ()


def check_target(text: str, view: DispatchView) -> tuple[float | None, Word]:
    """The new target of `view` with its sign, and what it means; None if it is none, and why. 0 kW and the other direction may be asked."""
    if not is_active(view):
        return None, Word(f"this dispatch is {state_text(view)}", wrong=True)
    power_kw = read_power(text)
    if power_kw is None:
        return None, Word("expected kW with its sign, for example 300 or -300", wrong=True)
    if power_kw:
        try:
            _, power_kw = parse_signal(view.signal, power_kw)
        except (UnknownSignalError, WrongDirectionError) as error:
            return None, Word(str(error), wrong=True)
    if math.isclose(power_kw, view.requested_kw, rel_tol=0.0, abs_tol=NOTABLE_KW):
        return None, Word("that is the target now: type another one", wrong=False)
    if not power_kw:
        return 0.0, Word("0 kW: its vehicles rest at their baseline until it ends; Cancel ends it now")
    turned = ", the other direction: who can take part is decided anew" if power_kw * view.requested_kw < 0 else ""
    return power_kw, Word(f"{regulation_text(power_kw)}, {direction_words(power_kw)}{turned}")


def no_preview(reason: str) -> Preview:
    """None is known, and why."""
    return Preview((f"no preview: {reason}",), known=False)


WAITED_OUT: Final = no_preview(f"the engine has not answered within {PREVIEW_WAIT_S:g} s")


def preview_of(reply: Reply | OSError) -> Preview:
    """What a new target would come to: power, vehicles, what limits it; or why the engine does not say."""
    if isinstance(reply, OSError | Refused):
        return no_preview(trouble_text(reply))
    plan = reply.result
    if not isinstance(plan, PlanView) or plan.moved is None:
        return no_preview("the engine says nothing about it")
    missing = f", {grouped(plan.shortfall_kw, 1)} kW short" if plan.shortfall_kw >= NOTABLE_KW else ", nothing is missing"
    moved = counted(plan.moved, "vehicle gets", "vehicles get")
    limited = f"limited by {limit_words(plan.limits)}" if plan.limits else ""
    given = f"can give {regulation_text(plan.allocated_kw)}{missing}" if plan.requested_kw else ""
    who = f"{moved} another setpoint; {grouped(plan.eligible)} can take part"
    return Preview(tuple(filter(None, (given, who, limited))))


def updated_text(before: DispatchView, power_kw: float, result: Result) -> str:
    """What became of an update, by the engine's own figures: a ramp or too little headroom shows in what was asked of the vehicles."""
    change = f"{before.short_id}: target {regulation_text(before.requested_kw)} -> {regulation_text(power_kw)}"
    if not isinstance(result, DispatchView):
        return f"{change}, accepted; the vehicles' answers are coming in"
    missing_kw = abs(power_kw - result.allocated_kw)
    if missing_kw <= max(1.0, 0.01 * abs(power_kw)):
        return f"{change}, sent; the vehicles' answers are coming in"
    return f"{change}, accepted; asked of its vehicles so far: {regulation_text(result.allocated_kw)}"


def plain(power_kw: float) -> str:
    """As a person would type it: `1500`, `-12.5`."""
    return f"{power_kw:.1f}".removesuffix(".0")
