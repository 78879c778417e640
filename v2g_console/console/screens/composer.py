"""The composer of a new dispatch: fields, live preview, arm, send."""

import time
from collections.abc import Callable
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input

from v2g_console.console.actions import Scope, action_of, actions_of, shown_key
from v2g_console.console.background import start_work, still_there
from v2g_console.console.composer_fields import FieldTexts, Known, typed_power_matches
from v2g_console.console.composer_flow import ComposerFlow, Step, armed_for_s
from v2g_console.console.composer_words import changed_text, keys_line, refused_text, sent_text
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.operating import OperatingApp
from v2g_console.console.options import Severity
from v2g_console.console.outcomes import Act
from v2g_console.console.safe_text import line
from v2g_console.console.screens.base import bindings_of
from v2g_console.console.tagging import caution_dialog
from v2g_console.console.textual_private import rebind
from v2g_console.console.widgets.banner import Banner
from v2g_console.console.widgets.composer_form import ArmedPanel, ComposerForm, choosing_keys
from v2g_console.console.widgets.composer_panes import PlanPane, ToldPane
from v2g_console.console.widgets.header import HeaderLine
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.replies import Accepted, PlanView, Refusal, Refused, Reply
from v2g_console.contract.requests import Arm, Operate, Request
from v2g_console.contract.snapshot import Snapshot
from v2g_console.contract.tags import TagView
from v2g_console.domain.units import counted

DEBOUNCE_S: Final = 0.15
REPLAN_S: Final = 3.0
COUNT_S: Final = 0.25


class ComposerScreen(ModalScreen[None]):
    """`Enter` arms the plan on show, `F5` sends it while it is armed, `Esc` steps back; also from a send that is held for `send_delay_s`.

    Nothing that has the focus can send, and no key can both arm and send.
    """

    scope: ClassVar[Scope] = Scope.COMPOSER
    CSS_PATH = "../styles/composer.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_of(actions_of(Scope.COMPOSER)),
        Binding("pagedown", "scroll_preview(1)", "More of the plan", show=False),
        Binding("pageup", "scroll_preview(-1)", "Back in the plan", show=False),
    ]
    AUTO_FOCUS = "#composer-power"
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (14, "-room"), (32, "-tall")]  # noqa: RUF012 - Textual declares it so

    def __init__(
        self,
        model: ConsoleModel,
        glyphs: Glyphs,
        monotonic_s: Callable[[], float] = time.monotonic,
        send_delay_s: float = 0.0,
        vehicles: tuple[str, ...] = (),
        start: FieldTexts | None = None,
    ) -> None:
        """`vehicles`: ids of the marked vehicles that the dispatch is limited to; () for the whole fleet. `start`: the fields at first."""
        super().__init__()
        self.model, self.glyphs = model, glyphs
        self._vehicles, self._start = vehicles, start or FieldTexts()
        self.flow = ComposerFlow(monotonic_s, send_delay_s)
        rebind(self, bindings_of(actions_of(self.scope), model.keys), model.keys)
        self._debounce: Timer | None = None
        self._says: tuple[str, ...] = ()
        self._alert = self._over = self._must_type = False
        self._before: PlanView | None = None
        self._read: tuple[TagView, ...] = ()  # CAUTION tags that were read and accepted

    def compose(self) -> ComposeResult:
        """Header and banner, which no size hides; fields or the armed panel, the preview, what is to be told, the keys."""
        yield HeaderLine(self.model, self.glyphs)
        yield Banner(self.model, self.glyphs, "")
        with Vertical(id="composer-box") as box:
            scope = f"to {counted(len(self._vehicles), 'marked vehicle', 'marked vehicles')} " if self._vehicles else ""
            box.border_title = line(f" New dispatch {scope}")
            yield ComposerForm(self.glyphs, self._known(), self._vehicles, self._start)
            yield ArmedPanel(self.glyphs)
            yield PlanPane(self.glyphs)
            yield ToldPane(self.glyphs)
            yield Lines(id="composer-keys")

    def on_mount(self) -> None:
        """Plan what the fields start with."""
        self._fields_changed()
        self.set_interval(REPLAN_S, self._replan)
        self.set_interval(COUNT_S, self._count_down)

    def on_resize(self) -> None:
        """Draw for the new width; the words beside the fields once these have their new place."""
        self._draw()
        self.call_after_refresh(self.query_one(ComposerForm).check)

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """The link and alarms go on; sites and allocators may become known while the composer is open."""
        self.query_one(HeaderLine).show_model()
        self.query_one(Banner).show_model()
        self.query_one(ComposerForm).learn(self._known())

    @on(ComposerForm.Changed)
    def fields_changed(self) -> None:
        """Check, and plan anew."""
        self._fields_changed()

    @on(Input.Submitted)
    async def enter_in_field(self, event: Input.Submitted) -> None:
        """Enter in a field arms, by way of the registry and its guard."""
        event.stop()
        await self.run_action("app.invoke('composer.arm')")

    def do_arm(self) -> None:
        """Arm the plan on show; if it is still being made, as soon as it is there. Never sends."""
        if self.flow.step is Step.ARMED:
            self._tell(f"Enter does not send: {self._send_key} sends, Esc steps back")
        elif self.flow.step is not Step.EDITING:
            return
        elif not self.flow.arm_key.decided():
            self._tell(*self._says[:1], "that came too soon after the change: read it, then press Enter", alert=True)
        elif self.flow.request is None:
            self._tell("the marked field must be changed first", alert=True)
        elif not self.flow.current or self.flow.plan is None:
            self.flow.arm_when_planned = True
            self._plan_now()
        else:
            self._arm(self.flow.plan)

    def do_send(self) -> None:
        """Send the armed plan, or hold it where sending is delayed."""
        if self.flow.step is not Step.ARMED:
            self.flow.send_key.early()
            if self.flow.step is Step.EDITING:
                self._tell("not armed: Enter arms the plan first")
            return
        if not self.flow.send_key.decided():
            self._tell(f"that came too soon after arming: let go, read what will be sent, then press {self._send_key}")
            return
        if self.flow.plan is not None and self.flow.left_s() > 0:
            if self.flow.send():
                self._operate(self.flow.plan)
            self._draw()

    def _operate(self, plan: PlanView) -> None:
        self.flow.step = Step.SENDING
        # The app runs it: leaving this screen must not break off a send.
        start_work(self.app, "composer-send", self._ask, Operate(plan_id=plan.plan_id, revision=plan.revision), self._operated)

    def do_back(self) -> None:
        """Call back or disarm; else leave without sending."""
        if self.flow.step in {Step.ARMING, Step.ARMED, Step.HELD}:
            self._disarm("called back: nothing was sent" if self.flow.step is Step.HELD else "disarmed: nothing was sent")
            return
        if self.flow.step is Step.SENDING:
            self._say_outside("left while sending: look whether the dispatch is there", "warning")
        self._leave()

    def _leave(self) -> None:
        """Leave, once; while another question is above, after that one."""
        self._over = True
        if self.is_active:
            self.dismiss(None)

    def on_screen_resume(self) -> None:
        """The question above is answered."""
        if self._over:
            self._leave()

    def _disarm(self, told: str, *, alert: bool = False) -> None:
        self.flow.disarm()
        self._tell(told, alert=alert)
        self.query_one(ComposerForm).enter()
        self._draw()

    def _say_outside(self, text: str, severity: Severity = "information") -> None:
        """What must still be read once this screen is gone."""
        if isinstance(self.app, OperatingApp):
            self.app.say(text, severity)

    @property
    def _send_key(self) -> str:
        return shown_key("composer.send", self.model)

    def action_scroll_preview(self, pages: int) -> None:
        """Read the rest of a plan that is longer than its pane."""
        self.query_one(PlanPane).scroll_pages(pages)

    def _known(self) -> Known:
        snapshot = self.model.snapshot
        return Known() if snapshot is None else Known(snapshot.fleet.sites, snapshot.fleet.segments, snapshot.engine.allocators)

    def _fields_changed(self) -> None:
        checked = self.query_one(ComposerForm).check()
        if self.flow.edit(checked.request):
            self._must_type = False
            self._says = ()
            self._before = None
            self.query_one(ComposerForm).forget_typed()
            if self._debounce is not None:
                self._debounce.stop()
            if checked.request is not None:
                self._debounce = self.set_timer(DEBOUNCE_S, self._plan_now)
        self._draw()

    def _replan(self) -> None:
        if self.flow.step is Step.EDITING and self.flow.current:
            self._plan_now()

    def _plan_now(self) -> None:
        request = self.flow.request
        if request is None or self.flow.step is not Step.EDITING:
            return
        number = self.flow.ask()
        self._request(request, lambda reply: self._planned(number, reply))

    def _planned(self, number: int, reply: Reply) -> None:
        if isinstance(reply, Accepted) and isinstance(reply.result, PlanView):
            arm_now = self.flow.arm_when_planned
            if not self.flow.planned(number, reply.result):
                return
            self._must_type = self._must_type or reply.result.type_to_confirm
            if arm_now:
                self._arm(reply.result)
        elif isinstance(reply, Refused) and self.flow.refused(number):
            self._refused(reply)
        self._draw()

    def _arm(self, plan: PlanView) -> None:
        self.flow.arm_when_planned = False
        form = self.query_one(ComposerForm)
        typed_kw: float | None = None
        if self._must_type:
            if not typed_power_matches(form.typed, plan.requested_kw):
                self._tell(f"this power must be confirmed: type {abs(plan.requested_kw):g} and press Enter", alert=True)
                self._draw()
                form.ask_typed()
                return
            typed_kw = plan.requested_kw
        if plan.cautions and self._read != plan.cautions:
            self._ask_to_read(plan)
            return
        number = self.flow.arming()
        self._tell("")
        arm = Arm(plan_id=plan.plan_id, revision=plan.revision, typed_kw=typed_kw, accept_cautions=bool(plan.cautions))
        self._request(arm, lambda reply: self._armed(number, reply))

    def _ask_to_read(self, plan: PlanView) -> None:
        """The CAUTION tags of a plan are read and accepted before it is armed; once, as long as they stay the same."""

        def answered(choice: str | None) -> None:
            if choice == "accept":
                self._read = plan.cautions
                if self.flow.plan is not None and self.flow.current:
                    self._arm(self.flow.plan)

        self.app.push_screen(caution_dialog(plan), answered)

    def _armed(self, number: int, reply: Reply) -> None:
        if not self.flow.awaits(number):
            return
        if isinstance(reply, Accepted):
            plan = reply.result if isinstance(reply.result, PlanView) else None
            self.flow.armed(plan, armed_for_s(plan, self.model))
            self.query_one(ArmedPanel).focus()
        else:
            self._step_back(reply)
        self._draw()

    def _operated(self, reply: Reply) -> None:
        if isinstance(reply, Accepted):
            self.model.selected_dispatch_id = reply.dispatch_id
            if isinstance(self.app, OperatingApp) and self.flow.plan is not None:
                self.app.say(sent := sent_text(self.flow.plan, self.flow.request))
                self.app.outcomes.follow(Act(reply.dispatch_id, "sent", said=sent), self.model.snapshot)
            self._leave()
        elif reply.reason is Refusal.NEEDS_APPROVAL:
            # Nothing more to do here: the plan is with the engine, and it is the second person's turn.
            self._say_outside(f"{reply.message}: NOT SENT, it waits for a second person. {reply.hint}".strip(), "warning")
            self._leave()
        elif still_there(self):
            self._step_back(reply)
            self.query_one(ComposerForm).enter()
            self._draw()
        else:
            unknown = reply.reason is Refusal.INTERNAL and not reply.request
            self._say_outside(f"{reply.message}: {reply.hint}" if unknown else f"not sent: {refused_text(reply)}", "error")

    def _step_back(self, reply: Refused) -> None:
        self._before = self.flow.plan if reply.plan is not None or self.flow.step is Step.SENDING else None  # None: it never was armed
        self.flow.disarm(reply.plan)
        self._refused(reply)
        if reply.plan is not None:
            self.query_one(ComposerForm).forget_typed()  # the new plan is confirmed anew
        else:
            # The engine may have forgotten this plan: the next Enter must find a new one.
            self._plan_now()

    def _refused(self, reply: Refused) -> None:
        """Say why not; after PLAN_CHANGED what changed, and that it is for the operator to decide again."""
        if reply.reason is Refusal.TYPE_TO_CONFIRM:
            self._must_type = True
            self.query_one(ComposerForm).ask_typed()
        told = [refused_text(reply)]
        if reply.plan is not None and self._before is not None:
            told.append(changed_text(self._before, reply.plan, self.glyphs))
        self._tell(*told, alert=True)

    def _request(self, request: Request, answered: Callable[[Reply], None]) -> None:
        start_work(self, "composer", self._ask, request, answered)

    async def _ask(self, request: Request, answered: Callable[[Reply], None]) -> None:
        try:
            reply = await self.model.request(request)
        except OSError as error:  # ConnectionError and TimeoutError are among them
            # Whether a send arrived is unknown then, and must not read as a refusal.
            told = "it is not known whether it was sent: look at the dispatches" if isinstance(request, Operate) else "nothing was sent"
            reply = Refused(request="", reason=Refusal.INTERNAL, message=f"the engine does not answer: {error}", hint=told)
        if still_there(self) or isinstance(request, Operate):  # what became of a send is told in any case
            answered(reply)

    def _count_down(self) -> None:
        if self.flow.step is Step.HELD:
            self._go_on_holding()
        elif self.flow.step is Step.ARMED and self.flow.left_s() <= 0:
            self._disarm("the time to send is over: nothing was sent, Enter arms again")
        elif self.flow.step is Step.ARMED:
            self._draw()

    def _go_on_holding(self) -> None:
        """A held send goes out at its end, unless something came up meanwhile that an operator must see first."""
        plan, blocked = self.flow.plan, action_of("composer.send").blocked(self.model)
        if self.app.screen is not self:
            self._disarm("called back because another question came up: nothing was sent", alert=True)
        elif blocked is not None or plan is None:
            self._disarm(f"called back, nothing was sent: {blocked}", alert=True)
        elif self.flow.left_s() <= 0:
            self._operate(plan)
        self._draw()

    def _tell(self, *told: str, alert: bool = False) -> None:
        self._says, self._alert = told, alert
        self._draw()

    def _draw(self) -> None:
        step, plan, request = self.flow.step, self.flow.plan, self.flow.request
        armed = step in {Step.ARMED, Step.HELD, Step.SENDING}
        self.query_one(ComposerForm).display = not armed
        panel = self.query_one(ArmedPanel)
        panel.display = armed
        if step is Step.SENDING:
            panel.show_sending()
        elif armed and plan is not None and request is not None:
            panel.show_armed(plan, request, self.flow, self._send_key)
        self.query_one(PlanPane).show_plan(self.flow, self._before, self._says)
        self.query_one(ToldPane).show(self._says, alert=self._alert)
        self._draw_keys()
        self.call_after_refresh(self._draw_keys)  # whether the plan is longer than its pane is known once that has its new size

    def _draw_keys(self) -> None:
        for preview in self.query(PlanPane):  # none once it is left
            keys = keys_line(self.flow.step, preview.max_scroll_y > 0, self._send_key, self.size.width, choosing_keys(self.focused))
            self.query_one("#composer-keys", Lines).show([keys])

    def on_descendant_focus(self) -> None:
        """Each field has keys of its own."""
        self._draw()
