"""The dialog for a new target of a running dispatch: a field that checks itself, what is asked for now, and what the engine could give."""

import math
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Static

from v2g_console.console.actions import state_text
from v2g_console.console.background import start_work
from v2g_console.console.composer_fields import Word, direction_words, read_power
from v2g_console.console.composer_preview import limit_words
from v2g_console.console.model import ConsoleModel, is_active
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.replies import PlanView, Refused, Reply, Result
from v2g_console.contract.requests import Plan
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.domain.signal import UnknownSignalError, WrongDirectionError, parse_signal
from v2g_console.domain.units import counted, grouped, regulation_text

NOTABLE_KW = 0.05
DEBOUNCE_S = 0.15


class UpdateTargetDialog(ModalScreen[float | None]):
    """Returns the new target in kW with its sign, None for none. Sends nothing: Enter leads to a question, Escape leaves.

    `preview`: what the engine says that the target in the field would come to, in words; () while it has not answered.

    The field starts with the present target, so that Enter without an edit changes nothing; it takes no letters, so that the key that
    opened the dialog can't spoil it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    AUTO_FOCUS = "#target-power"
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (14, "-room")]  # noqa: RUF012 - Textual declares it so
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
    UpdateTargetDialog.-tiny Horizontal { margin: 0; }
    UpdateTargetDialog.-tiny #target-plan { height: 1; }
    """

    def __init__(self, model: ConsoleModel, view: DispatchView) -> None:
        super().__init__()
        self.model = model
        self._view = view
        self.preview: tuple[str, ...] = ()
        self._debounce: Timer | None = None
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
        self._asked, self.preview = self._asked + 1, ()
        if self._debounce is not None:
            self._debounce.stop()
        power_kw, _ = check_target(self.query_one(Input).value, self._view)
        if power_kw is not None:
            self._debounce = self.set_timer(DEBOUNCE_S, lambda: self._plan(power_kw))
        self._draw()

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Leave with the new target if it is one."""
        event.stop()
        power_kw, _ = check_target(event.value, self._view)
        if power_kw is not None:
            self.dismiss(power_kw)

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def _plan(self, power_kw: float) -> None:
        start_work(self, "preview", self._ask, self._asked, power_kw, exclusive=True)

    async def _ask(self, number: int, power_kw: float) -> None:
        view = self._view
        request = Plan(signal=view.signal, power_kw=power_kw, duration_s=view.duration_s, instead_of=view.dispatch_id)
        try:
            reply: Reply | OSError = await self.model.request(request)
        except OSError as error:  # ConnectionError and TimeoutError are among them
            reply = error
        if number == self._asked:  # else something else is in the field by now
            self.preview = preview_words(reply)
            self._draw()

    def _draw(self) -> None:
        view = self._view
        _, word = check_target(self.query_one(Input).value, view)
        head = f"{safe_text(view.short_id, 8)} {safe_text(view.signal, 12)}, {state_text(view)}"
        now = f"target {regulation_text(view.requested_kw)}, acknowledged {regulation_text(view.acknowledged_kw)}"
        self.query_one("#target-now", Lines).show([line((head, "bold")), line(now)])
        self.query_one("#target-says", Lines).show([line((word.text, "bold $warning" if word.wrong else "$muted"))])
        self.query_one("#target-plan", Lines).show([line(words) for words in self.preview])


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


def preview_words(reply: Reply | OSError) -> tuple[str, ...]:
    """What a new target would come to: power, vehicles, what limits it; or why the engine does not say."""
    if isinstance(reply, OSError):
        return (f"no preview: the engine does not answer: {reply}",)
    if isinstance(reply, Refused):
        return (f"no preview: {reply.message}{f' ({reply.hint})' if reply.hint else ''}",)
    plan = reply.result
    if not isinstance(plan, PlanView) or plan.moved is None:
        return ("no preview: the engine says nothing about it",)
    missing = f", {grouped(plan.shortfall_kw, 1)} kW short" if plan.shortfall_kw >= NOTABLE_KW else ", nothing is missing"
    moved = counted(plan.moved, "vehicle gets", "vehicles get")
    limited = f"limited by {limit_words(plan.limits)}" if plan.limits else ""
    return tuple(
        filter(
            None,
            (
                f"can give {regulation_text(plan.allocated_kw)}{missing}" if plan.requested_kw else "",
                f"{moved} another setpoint; {grouped(plan.eligible)} can take part",
                limited,
            ),
        )
    )


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
