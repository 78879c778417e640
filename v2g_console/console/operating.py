"""What the console asks of the engine: STOP, resume, retry, cancel, quit; each with its dialog and its answer on screen."""

import logging
from collections import deque
from typing import Final, Literal

from textual.content import Content

from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleExit
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.textual_private import QuietCrashApp
from v2g_console.contract.replies import Accepted, Refused, StopView
from v2g_console.contract.requests import AckAlarm, Cancel, Request, Resume, Retry, Stop
from v2g_console.contract.snapshot import DispatchView
from v2g_console.domain.units import grouped, regulation_text

log = logging.getLogger(__name__)
Severity = Literal["information", "warning", "error"]
NO: Final = Choice("stay", "n", "No, go back")
_NOTICE_CELLS: Final = 300


class OperatingApp(QuietCrashApp[ConsoleExit]):
    """The part of the console that acts. `notices` keeps what was said, newest last; the log has it too."""

    def __init__(self, model: ConsoleModel, ansi_color: bool | None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.model = model
        self.notices: deque[str] = deque(maxlen=200)

    def say(self, text: str, severity: Severity = "information") -> None:
        """Tell the operator; also to the log, since a toast disappears."""
        told = safe_text(text, _NOTICE_CELLS)
        self.notices.append(told)
        log.log({"information": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}[severity], "%s", told)
        self.notify(told, severity=severity, markup=False)

    async def ask_engine(self, request: Request) -> Accepted | None:
        """Send a request; a refusal or a dead engine is said and gives None."""
        try:
            reply = await self.model.request(request)
        except ConnectionError as error:
            self.say(f"not sent, the engine does not answer: {error}", "error")
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
                self._load_line(),
            ],
            NO,
            [Choice("stop", "y", "Yes, STOP")],
            id="ask-stop",
        )
        if await self.push_screen_wait(dialog) != "stop":
            return
        reply = await self.ask_engine(Stop(reason="operator"))
        if reply is not None and isinstance(reply.result, StopView):
            self.say(
                f"STOP: {reply.result.dispatches} dispatches end, {reply.result.vehicles} vehicles go back to their baseline", "warning"
            )

    async def do_resume(self) -> None:
        """Lift the latch, after a confirmation."""
        owed = 0 if self.model.snapshot is None else self.model.snapshot.summary.owed
        question = [line("New dispatches become possible again. Nothing is restarted.")]
        if owed:
            question.append(line((f"{owed} vehicles have not confirmed their release yet.", "bold $warning")))
        if await self.push_screen_wait(ChoiceDialog("Resume", question, NO, [Choice("resume", "y", "Yes, resume")])) != "resume":
            return
        if await self.ask_engine(Resume()) is not None:
            self.say("resumed: dispatches may start again")

    async def do_retry_dispatch(self) -> None:
        """Send the unacknowledged commands of the selected dispatch once more."""
        view = self.model.selected_dispatch()
        if view is not None and await self.ask_engine(Retry(dispatch_id=view.dispatch_id)) is not None:
            self.say(f"{view.short_id}: {view.progress.silent} silent vehicles are asked again")

    async def do_cancel_dispatch(self) -> None:
        """End the selected dispatch, after a confirmation."""
        view = self.model.selected_dispatch()
        if view is None:
            return
        dialog = ChoiceDialog(
            "Cancel the dispatch",
            [dispatch_line(view), line("Ends now; its vehicles go back to their baseline.")],
            NO,
            [Choice("cancel", "y", "Yes, cancel it")],
        )
        if await self.push_screen_wait(dialog) == "cancel" and await self.ask_engine(Cancel(dispatch_id=view.dispatch_id)) is not None:
            self.say(f"{view.short_id}: cancelled, its vehicles are being released")

    async def do_ack_alarm(self) -> None:
        """Acknowledge the alarm in the banner: seen, being dealt with; it stays counted while its cause lasts."""
        alarm = self.model.foremost_alarm()
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
                self._load_line(),
                line("Release: ends them, sends every vehicle back, then quits."),
                line("Keep: the engine goes on without a screen."),
            ],
            Choice("stay", "n", "Stay"),
            [Choice("release", "r", "Release"), Choice("keep", "k", "Keep")],
        )
        match await self.push_screen_wait(dialog):
            case "release":
                self.exit(ConsoleExit.QUIT_RELEASE)
            case "keep":
                self.exit(ConsoleExit.QUIT_KEEP_RUNNING)

    def _load_line(self) -> Content:
        active = self.model.active_dispatches()
        if not active:
            return line("No dispatch is active.")
        vehicles, target_kw = sum(view.vehicles for view in active), sum(abs(view.requested_kw) for view in active)
        return line((f"Active: {len(active)} dispatches, {grouped(vehicles)} vehicles, {grouped(target_kw)} kW.", "bold"))


def dispatch_line(view: DispatchView) -> Content:
    """`#7f3a FCR ▲ 1 500 kW, 412 vehicles`, for a question about it."""
    power = regulation_text(view.requested_kw)
    return line((f"{safe_text(view.short_id, 8)} {safe_text(view.signal, 12)} {power}, {grouped(view.vehicles)} vehicles", "bold"))
