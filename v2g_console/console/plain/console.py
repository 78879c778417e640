"""The line-oriented console: tells what changes, asks for commands one after another, and carries them out by the contract alone."""

import asyncio
import logging
import shlex
from collections.abc import Awaitable, Callable
from typing import Final

from v2g_console.console.actions import action_of
from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.plain.announcing import announcement
from v2g_console.console.plain.line_source import LineSource
from v2g_console.console.plain.reasons import without_keys
from v2g_console.console.plain.speaker import Speaker
from v2g_console.console.plain.words import status_lines
from v2g_console.console.rights import role_missing
from v2g_console.contract.replies import Accepted, PlanView, Refusal, Refused, Reply
from v2g_console.contract.requests import LOOKS_ONLY, Lock, Plan, Request
from v2g_console.domain.units import duration_text

PROMPT: Final = "> "
GREETING_S: Final = 3.0
READY_S: Final = 15.0
"""A person, and the commands of a pipe, wait so long for an engine that is ready."""
NEWER_PICTURE_S: Final = 3.0
"""A pipe writes its next command at once: after something was done it waits so long for a picture in which that shows."""
LOOK_AGAIN_S: Final = 1.0
"""While the engine does not answer, what does not need its answer is looked at so often."""
SILENT: Final = "ENGINE SILENT"
_YES: Final = frozenset({"y", "yes"})

log = logging.getLogger(__name__)

Do = Callable[["PlainConsole", list[str]], Awaitable[None]]


class PlainConsole:
    """One console. `plan` is the last preview, `armed_until_s` (monotonic) when it was armed until; both belong to `dispatching`."""

    def __init__(
        self,
        model: ConsoleModel,
        speaker: Speaker,
        source: LineSource,
        options: ConsoleOptions,
        monotonic_s: Callable[[], float],
    ) -> None:
        self.model, self.options, self.monotonic_s = model, options, monotonic_s
        self.speaker = speaker
        self.plan: PlanView | None = None
        self.planned: Plan | None = None  # the request that `plan` answers
        self.armed_until_s: float | None = None
        self.leaving: ConsoleExit | None = None
        self._source = source
        self._end = asyncio.Event()
        self._interrupted = asyncio.Event()
        self._pulled = asyncio.Event()
        self._trouble = ""
        self._heard_before = False
        self._broken_off = False  # the last wait ended with Ctrl+C
        self._acted = False  # the engine did something that the picture may not show yet
        self._locking: asyncio.Task[None] | None = None
        speaker.typed = source.typed

    async def run(self) -> ConsoleExit:
        """Until somebody leaves, the input ends or `end` is called."""
        ticker = asyncio.create_task(self._tick_for_ever())
        try:
            await self._greet()
            while self.leaving is None and not self._end.is_set():
                await self._one_command()
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
        return ConsoleExit.ENDED if self.leaving is None else self.leaving

    def end(self) -> None:
        """Leave without a decision: the policy of the configuration applies."""
        self._end.set()

    def interrupt(self) -> None:
        """Somebody pressed Ctrl+C."""
        self._interrupted.set()

    def say(self, *lines: str) -> None:
        """Tell."""
        self.speaker.say(*lines)

    def blocked(self, action_id: str) -> bool:
        """True, after saying why, if the action of the registry can't be done now.

        A role that is missing is told too, but the engine is asked all the same: it refuses, and writes down who tried.
        """
        action = action_of(action_id)
        missing = role_missing(action_id, self.model)
        if missing is None:
            reason = action.blocked(self.model)
        else:
            reason = None if action.guard is None else action.guard(self.model)
            if reason in {None, missing}:  # the guard of STOP looks at the role too
                reason = None
                self.say(f"This {missing}: the engine is asked all the same, and writes it down.")
        if reason is not None:
            self.say(f"Not now: {without_keys(reason)}.")
        return reason is not None

    def blocked_writing(self, action_id: str) -> bool:
        """As `blocked`, for a command that names what the console's action takes from the cursor."""
        selected, self.model.selected_vehicle_id = self.model.selected_vehicle_id, "named"
        try:
            return self.blocked(action_id)
        finally:
            self.model.selected_vehicle_id = selected

    async def ask_engine(self, request: Request) -> Accepted | None:
        """Send a request; a refusal or a dead engine is said and gives None."""
        reply = await self.reply_of(request)
        if isinstance(reply, Refused):
            self.say_refused(reply)
            return None
        return reply

    async def reply_of(self, request: Request) -> Reply | None:
        """The engine's answer; None, after saying so, if there is none."""
        try:
            reply = await self.model.request(request)
        except OSError as error:  # ConnectionError and TimeoutError are among them
            self.say(f"The engine does not answer, so it is not known whether this was done: {error}.")
            return None
        self._acted = self._acted or (isinstance(reply, Accepted) and not isinstance(request, LOOKS_ONLY))
        return reply

    def say_refused(self, reply: Refused) -> None:
        """Why not, and what to do."""
        if reply.reason is Refusal.NEEDS_APPROVAL:
            self.say(
                without_keys(f"Nothing was sent, it waits for a second person: {reply.message}{f' ({reply.hint})' if reply.hint else ''}.")
            )
            return
        self.say(without_keys(f"Refused, {reply.reason.value}: {reply.message}{f' ({reply.hint})' if reply.hint else ''}."))

    async def confirmed(self, *question: str) -> bool:
        """The answer to a question; everything but yes is a no."""
        answer = await self.answer(*question[:-1], prompt=f"{question[-1]} [y/N] ")
        yes = (answer or "").strip().lower() in _YES
        if not yes:
            self.say("No: nothing was done.")
        return yes

    async def answer(self, *lines: str, prompt: str) -> str | None:
        """What is written after `prompt`; None at the end of the input, after Ctrl+C and at the end of the console."""
        self.say(*lines)
        return await self._line(prompt)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass; what happens is told meanwhile. Ctrl+C ends it."""
        await self._first_of(asyncio.sleep(seconds))

    async def _one_command(self) -> None:
        line = await self._line(PROMPT)
        if self._end.is_set():
            return
        if line is None:
            if not self._broken_off and not self._source.interactive:
                self.end()
                return
            line = "quit"
        await self.carry_out(line)
        if self._acted and not self._source.interactive:
            newer = asyncio.ensure_future(self._newer_picture())
            await self._first_of(asyncio.wait({newer}, timeout=NEWER_PICTURE_S))
            newer.cancel()
        self._acted = False

    async def _newer_picture(self) -> None:
        """Return with a picture that was asked for after now: the next one may be on its way already, so the one after that."""
        for _ in range(2):
            before = self.model.snapshot
            while self.model.snapshot is before:
                self._pulled.clear()
                await self._pulled.wait()

    async def carry_out(self, line: str) -> None:
        """One command."""
        from v2g_console.console.plain.commands import find

        try:
            words = shlex.split(line)
        except ValueError:
            words = line.split()
        if not words:
            return
        command, why = find(words[0])
        if command is None:
            self.say(why)
        elif not (command.action and self.blocked(command.action)):
            try:
                await command.do(self, words[1:])
            except UsageError as error:
                self.say(f"{error} Usage: {command.usage}")
            except Exception:
                log.exception("the command %s broke", command.name)
                self.say(f"The command {command.name} broke: the log has the report. Look at the status before you do it again.")

    async def _line(self, prompt: str) -> str | None:
        again = self._source.waits
        pending = self._source.line(prompt)
        if again and self._source.interactive:
            self.speaker.prompt(self._source.typed())
        line = await self._first_of(pending)
        if isinstance(line, str):  # a touch that comes too late finds the console locked
            self.lock_if_due()
            self.model.view_lock.touch()
        if not self._source.interactive and isinstance(line, str):
            self.speaker.say(f"{prompt}{line}")  # so that a log reads like a talk
        return line if isinstance(line, str) else None

    async def _first_of(self, waited: Awaitable[object]) -> object:
        """The outcome of `waited`, None if the console ends or is interrupted before. A line goes on being read."""
        self._broken_off = False
        outcome = asyncio.ensure_future(waited)
        others = [asyncio.ensure_future(self._end.wait()), asyncio.ensure_future(self._interrupted.wait())]
        try:
            done, _ = await asyncio.wait([outcome, *others], return_when=asyncio.FIRST_COMPLETED)
            if outcome in done:
                return outcome.result()
            self._source.leave_question()
            self._broken_off = self._interrupted.is_set()
            self._interrupted.clear()
            return None
        finally:
            for other in others if isinstance(waited, asyncio.Future) else (outcome, *others):
                other.cancel()

    async def _greet(self) -> None:
        self.say("V2G console, plain. Type help for the commands, quit to leave.")
        ready = asyncio.ensure_future(self._wait_until_ready())
        await self._first_of(asyncio.wait({ready}, timeout=GREETING_S if self._source.interactive else READY_S))
        ready.cancel()
        if self.model.snapshot is not None:
            self.say(*status_lines(self.model.snapshot))

    async def _wait_until_ready(self) -> None:
        while self.model.snapshot is None or not self.model.snapshot.engine.ready:
            await self._pulled.wait()
            self._pulled.clear()

    async def _tick_for_ever(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(1.0 / self.options.refresh_hz)

    async def tick(self) -> None:
        """Look at the engine once and tell what has changed; also, while it does not answer, that it does not."""
        pulling = asyncio.ensure_future(self.model.pull())
        try:
            while pulling not in (await asyncio.wait({pulling}, timeout=LOOK_AGAIN_S))[0]:
                self._look_round()
            await pulling
        finally:
            pulling.cancel()
        self._pulled.set()
        self._tell_contact()
        # What happened before an engine was attached to is history, not news.
        told = () if self.options.attached and not self._heard_before else self.model.newest_events
        self._heard_before = self._heard_before or self.model.snapshot is not None
        lines = [words for words in map(announcement, told) if words]
        lines += [f"{gone}."] if (gone := self.model.dropped_news()) else []
        lines += self.options.recording.unread() if self.options.recording is not None else []
        if lines:
            self.say(*lines)
        self._look_round()

    def _look_round(self) -> None:
        """What does not wait for the engine."""
        self._tell_contact()
        self.lock_if_due()
        if self.speaker.lost:
            self.end()

    def _tell_contact(self) -> None:
        """Once, that the engine is gone or silent; once, that it is back."""
        contact = self.model.contact()
        silent = contact.late and self.model.snapshot is not None
        trouble = f"{contact.heading}: {contact.problem}" if contact.problem else SILENT if silent else ""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        since = f" for {duration_text(contact.age_s)}" if trouble == SILENT else ""
        self.say(f"{trouble}{since}. What was told before is old." if trouble else "The engine is back.")

    def lock_if_due(self) -> None:
        """Become view-only if nobody has written anything for the configured time. Called at each tick and line."""
        lock, snapshot = self.model.view_lock, self.model.snapshot
        if snapshot is None or not lock.due(snapshot.engine):
            return
        lock.locked = True
        idle = duration_text(lock.idle_s)
        self.say(f"Nobody used this console for {idle}: it is view-only now. The command unlock takes it back, stop still works.")
        self._locking = asyncio.get_running_loop().create_task(self._record_lock(lock.idle_s))

    async def _record_lock(self, idle_s: float) -> None:
        try:
            reply = await self.model.request(Lock(idle_s=idle_s))
        except OSError as error:
            log.warning("the lock of this console is not in the record: %s", error)
            return
        if isinstance(reply, Refused):
            log.warning("the lock of this console is not in the record: %s", reply.message)


class UsageError(Exception):
    """A command was written wrongly; the message says how."""
