"""What the console asks of the engine: STOP, resume, retry, cancel, quit; each with its dialog and its answer on screen."""

import logging
import time
from collections import deque
from typing import Final

from textual.content import Content

from v2g_console.console.actions import action_of, shown_key
from v2g_console.console.deliberate import Presses
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleExit, Severity
from v2g_console.console.outcomes import Act, Outcomes
from v2g_console.console.quick_keys import QuickKeysApp
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.screens.note import NoteDialog
from v2g_console.console.screens.update_target import NewTarget, UpdateTargetDialog, updated_text
from v2g_console.console.shown_alarm import ShownAlarm
from v2g_console.console.tagging import hang_tag, take_tag_down
from v2g_console.console.telling import Telling
from v2g_console.console.widgets.notice_bar import NoticeBar
from v2g_console.contract.link import LinkState
from v2g_console.contract.replies import Accepted, Refused, VehicleView
from v2g_console.contract.requests import AckAlarm, Cancel, Fleet, Note, Request, ResetTrust, Resume, Retry, Stop, Update
from v2g_console.contract.snapshot import DispatchView
from v2g_console.contract.stop import StopView
from v2g_console.domain.units import both_ways_text, counted, duration_text, grouped, regulation_text

log = logging.getLogger(__name__)
NO: Final = Choice("stay", "n", "No, go back")
_NOTICE_CELLS: Final = 300
LATCHED: Final = "STOP is latched"
"""So begins what is said of a STOP; it is taken back by Resume."""


class OperatingApp(QuickKeysApp):
    """The part of the console that acts. `notices` keeps what was said, newest last; the log has it too."""

    glyphs: Glyphs

    def __init__(self, model: ConsoleModel, ansi_color: bool | None) -> None:
        super().__init__(ansi_color)
        self.model = model
        self.notices: deque[str] = deque(maxlen=200)
        self.telling = Telling(time.monotonic)
        self.outcomes = Outcomes()
        self.presses = Presses(time.monotonic)
        self.shown_alarm = ShownAlarm(model.now_s)

    def say(self, text: str, severity: Severity = "information") -> None:
        """Tell the operator for some seconds; also to the log."""
        lasts_s = self.telling.tell(self.note(text, severity), severity)
        self.show_notices()
        self.set_timer(lasts_s, self.show_notices)

    def show_notices(self) -> None:
        """Draw what was said on the screens that one sees, and take away what has been there long enough. A question is not disturbed."""
        for screen in self.screen_stack if self.is_running else ():
            if (
                screen is self.screen
                and screen.is_attached
                and not isinstance(screen, ChoiceDialog)
                and not screen.query(NoticeBar)
                and self.telling.live()
            ):
                screen.mount(NoticeBar(self.glyphs))  # a dialog: it has one only once something is said
            for bar in screen.query(NoticeBar):
                bar.show_notices()

    @property
    def rest_key(self) -> str:
        """Leads to all that was said."""
        return shown_key("go.diagnostics", self.model)

    def note(self, text: str, severity: Severity) -> str:
        """Keep what is told, here and in the log; returns it made safe."""
        told = safe_text(self.told_as(text), _NOTICE_CELLS)
        self.notices.append(told)
        log.log({"information": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}[severity], "%s", told)
        return told

    def told_as(self, text: str) -> str:
        """A text as the operator reads it; a console of several sites names the site."""
        return text

    async def ask_engine(self, request: Request) -> Accepted | None:
        """Send a request; a refusal or a dead engine is said and gives None."""
        try:
            reply = await self.model.request(request)
        except OSError as error:  # ConnectionError and TimeoutError are among them
            self.say(f"the engine does not answer, so it is not known whether this was done: {error}", "error")
            return None
        if isinstance(reply, Refused):
            self.say(f"{reply.message} {f'({reply.hint})' if reply.hint else ''}".strip(), "warning")
            return None
        return reply

    async def do_stop(self) -> None:
        """STOP DISPATCH, after a confirmation; a second F8 while it asks does nothing."""
        if any(screen.id == "ask-stop" for screen in self.screen_stack):
            return
        dialog = ChoiceDialog(
            "STOP DISPATCH",
            [
                line("Sends every vehicle back to its baseline and blocks new"),
                line("dispatches until somebody resumes."),
                self.load_line(),
                *self._waits_for_link(),
            ],
            NO,
            [Choice("stop", "y", "Yes, STOP")],
            id="ask-stop",
        )
        if await self.push_screen_wait(dialog) == "stop":
            await self.stop_now()

    async def stop_now(self) -> None:
        """Ask for STOP, and say what it ended."""
        reply = await self.ask_engine(Stop())
        if reply is not None and isinstance(reply.result, StopView):
            if reply.result.vehicles:  # else what is said now is all there is to tell
                self.outcomes.follow_stop(self.model.snapshot)
            self.say(stop_text(reply.result, shown_key("stop.list", self.model)), "warning")

    async def do_resume(self) -> None:
        """Lift the latch, after a confirmation."""
        owed = 0 if self.model.snapshot is None else self.model.snapshot.summary.owed
        question = [line("New dispatches become possible again. Nothing is restarted.")]
        if owed:
            question.append(line((f"{counted(owed, 'vehicle has', 'vehicles have')} not confirmed a release yet.", "bold $warning")))
        if await self.push_screen_wait(ChoiceDialog("Resume", question, NO, [Choice("resume", "y", "Yes, resume")])) != "resume":
            return
        if await self.ask_engine(Resume()) is not None:
            self.telling.take_back(self.told_as(LATCHED))
            self.say("resumed: dispatches may start again")

    async def do_retry_dispatch(self) -> None:
        """Send the unacknowledged commands of the selected dispatch once more."""
        view = self.model.selected_dispatch()
        if view is not None and await self.ask_engine(Retry(dispatch_id=view.dispatch_id)) is not None:
            silent = view.progress.silent
            said = f"{view.short_id}: asked again: {counted(silent, 'silent vehicle', 'silent vehicles')}; their answers are waited for"
            self.outcomes.follow(Act(view.dispatch_id, "asked again", silent, said), self.model.snapshot)
            self.say(said)

    async def do_cancel_dispatch(self) -> None:
        """End the selected dispatch, after a confirmation."""
        view = self.model.selected_dispatch()
        if view is None:
            return
        dialog = ChoiceDialog(
            "Cancel the dispatch",
            [dispatch_line(view), *self._cancel_means(view)],
            NO,
            [Choice("cancel", "y", "Yes, cancel it")],
        )
        if await self.push_screen_wait(dialog) != "cancel" or self._blocked_now("dispatch.cancel", view):
            return
        if await self.ask_engine(Cancel(dispatch_id=view.dispatch_id)) is not None:
            self.say(cancelled_text(self.model.dispatch(view.dispatch_id) or view))

    def _cancel_means(self, view: DispatchView) -> list[Content]:
        """What becomes of its vehicles, if any were asked."""
        if not view.vehicles:
            return [line("Nothing has been sent for it: no vehicle has to go back.")]
        return [line("Ends now; its vehicles go back to their baseline."), *self._waits_for_link()]

    async def do_update_dispatch(self) -> None:
        """A new target for the selected dispatch: written in a dialog, confirmed in a second one."""
        view = self.model.selected_dispatch()
        if view is None:
            return
        written = await self.push_screen_wait(UpdateTargetDialog(self.model, self.glyphs, view))
        if written is None:
            return
        dialog = self._update_question(view, written)
        if await self.push_screen_wait(dialog) != "update" or self._blocked_now("dispatch.update", view):
            return
        reply = await self.ask_engine(Update(dispatch_id=view.dispatch_id, power_kw=written.power_kw))
        if reply is not None:
            said = updated_text(view, written.power_kw, reply.result)
            self.outcomes.follow(Act(view.dispatch_id, "updated", said=said), self.model.snapshot)
            self.say(said)

    def _update_question(self, view: DispatchView, written: NewTarget) -> ChoiceDialog:
        """Shows what was previewed of exactly this target; where nothing was, why, and the answer has another key than the usual one."""
        known = written.preview.known
        change = f"target {regulation_text(view.requested_kw)} -> {regulation_text(written.power_kw)}"
        preview = [line((self.glyphs.draw(words), "" if known else "bold $warning")) for words in written.preview.lines]
        if not known:
            preview.append(line("What it would come to is not known; the engine judges it when it gets it."))
        answer = Choice("update", "y", "Yes, update") if known else Choice("update", "w", "Update without a preview")
        return ChoiceDialog("Update the target", [dispatch_line(view), line((change, "bold")), *preview], NO, [answer])

    def _blocked_now(self, action_id: str, asked: DispatchView) -> bool:
        """True, and said, if what was confirmed is no longer what would be done: the dispatch went on while the question was open."""
        now = self.model.dispatch(asked.dispatch_id)
        self.model.selected_dispatch_id = asked.dispatch_id
        if now is None:
            told = f"{asked.short_id} is not known any more"
        elif action_id == "dispatch.update" and now.requested_kw != asked.requested_kw:
            told = f"its target changed meanwhile from {regulation_text(asked.requested_kw)} to {regulation_text(now.requested_kw)}"
        elif (reason := action_of(action_id).blocked(self.model)) is not None:
            told = reason
        else:
            return False
        self.say(f"{asked.short_id}: nothing was done: {told}", "warning")
        return True

    async def do_reset_trust(self) -> None:
        """Forget the failures of the selected vehicle, after a confirmation that says what they are."""
        vehicle_id = self.model.selected_vehicle_id
        if vehicle_id is None or (known := await self.ask_engine(Fleet(vehicle_id=vehicle_id))) is None:
            return
        if not isinstance(known.result, VehicleView):
            self.say(f"{vehicle_id}: the engine says nothing about it", "warning")
            return
        failures, hold_s = known.result.failures, known.result.hold_s
        if not failures and not hold_s:
            self.say(f"{vehicle_id} has not failed lately: there is nothing to forget")
            return
        pause = f", on hold for {duration_text(hold_s)} more" if hold_s else ""
        question = [
            line((f"{vehicle_id}: {counted(failures, 'failure', 'failures')} in a row{pause}.", "bold")),
            line("Forgets them: it may be asked again at once."),
        ]
        dialog = ChoiceDialog("Trust the vehicle again", question, NO, [Choice("trust", "y", "Yes, trust it")])
        if await self.push_screen_wait(dialog) == "trust" and await self.ask_engine(ResetTrust(vehicle_id=vehicle_id)) is not None:
            self.say(f"{vehicle_id}: trusted again, its failures are forgotten")

    async def do_hang_tag(self) -> None:
        """A tag on the selected vehicle, its site or the fleet."""
        await hang_tag(self)

    async def do_take_tag_down(self) -> None:
        """Take down one of the selected vehicle's tags."""
        await take_tag_down(self)

    async def do_write_note(self) -> None:
        """Something for the next shift."""
        noted = await self.push_screen_wait(
            NoteDialog("Note for the next shift", [line("The journal keeps it; the handover report shows it.")], [])
        )
        if noted is not None and await self.ask_engine(Note(text=noted.note)) is not None:
            self.say(f"noted: {noted.note}")

    async def do_ack_alarm(self) -> None:
        """Acknowledge the alarm in the banner: seen, being dealt with; it stays counted while its cause lasts."""
        alarm = self.model.foremost_alarm()
        if alarm is not None and not self.shown_alarm.meant(self.model.site_name, alarm.alarm_id):
            key, listed = shown_key("alarm.ack", self.model), shown_key("go.alarms", self.model)
            self.say(f"nothing acknowledged: that alarm was not in the banner long enough. Wait a second for {key}, or {listed} lists all")
            return
        if alarm is not None and await self.ask_engine(AckAlarm(alarm_id=alarm.alarm_id)) is not None:
            self.say(f"acknowledged: {alarm.text}")

    async def do_quit_console(self) -> None:
        """Leave; with dispatches under way the operator says what becomes of them."""
        if not self.model.active_dispatches() or self.model.contact().problem:
            self.exit(ConsoleExit.QUIT_RELEASE)
            return
        dialog = ChoiceDialog(
            "Quit",
            [
                self.load_line(),
                line("Release: ends them, sends every vehicle back, then quits."),
                line("Keep: the engine goes on without a screen."),
                *self._waits_for_link(),
            ],
            Choice("stay", "n", "Stay"),
            [Choice("release", "r", "Release"), Choice("keep", "k", "Keep")],
        )
        match await self.push_screen_wait(dialog):
            case "release":
                self.exit(ConsoleExit.QUIT_RELEASE)
            case "keep":
                self.exit(ConsoleExit.QUIT_KEEP_RUNNING)

    def load_line(self) -> Content:
        """How much is active: what a STOP or a release would end."""
        active = self.model.active_dispatches()
        if not active:
            return line("No dispatch is active.")
        vehicles = self.model.snapshot.summary.dispatched if self.model.snapshot is not None else 0
        dispatches, moved = counted(len(active), "dispatch", "dispatches"), counted(vehicles, "vehicle", "vehicles")
        power = self.glyphs.draw(both_ways_text(view.requested_kw for view in active))
        return line((f"Active: {dispatches}, {moved}, {power}.", "bold"))

    def _waits_for_link(self) -> list[Content]:
        """What has to be known before vehicles are sent back without a link."""
        if self.model.snapshot is None or self.model.snapshot.link.state in {LinkState.UP, LinkState.SUSPECT}:
            return []
        return [line((f"{self.glyphs.cross} The link is down: no vehicle is told before it is back.", "bold"))]


def cancelled_text(view: DispatchView) -> str:
    """What a cancel has begun; of one that had not sent anything, that nothing had to be undone."""
    if not view.vehicles:
        return f"{view.short_id}: cancelled; nothing had been sent to vehicles"
    asked = counted(view.vehicles, "vehicle is", "vehicles are")
    return f"{view.short_id}: ending; {asked} being released, not all have confirmed yet"


def stop_text(view: StopView, list_key: str) -> str:
    """What STOP has begun, which is not yet what the vehicles have confirmed."""
    ended = counted(view.dispatches, "dispatch", "dispatches")
    if not view.vehicles:
        return f"{LATCHED}: ended {ended}; no vehicle was following one"
    link = ". The link is DOWN: releases go out when it is back" if view.link_down else ""
    back = counted(view.vehicles, "vehicle", "vehicles")
    return f"{LATCHED}: ended {ended}; {back} are being sent back to their baseline{link}. {list_key} lists who is silent"


def dispatch_line(view: DispatchView) -> Content:
    """`#7f3a FCR ▲ 1 500 kW, 412 vehicles`, for a question about it."""
    power = regulation_text(view.requested_kw)
    return line((f"{safe_text(view.short_id, 8)} {safe_text(view.signal, 12)} {power}, {grouped(view.vehicles)} vehicles", "bold"))
