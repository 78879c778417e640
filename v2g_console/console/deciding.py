"""The second person at the console: approve, reject; and the lock of a console that nobody touches."""

import logging
from typing import Final

from textual import events

from v2g_console.console.actions import shown_key
from v2g_console.console.approval_text import approval_lines, what_text
from v2g_console.console.background import start_work
from v2g_console.console.operating import NO, OperatingApp
from v2g_console.console.outcomes import Act
from v2g_console.console.rights import decidable
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.contract.replies import Refused
from v2g_console.contract.requests import Approve, Lock, Reject, Unlock
from v2g_console.contract.snapshot import ApprovalView
from v2g_console.domain.units import duration_text

log = logging.getLogger(__name__)

_TOUCHES: Final = (events.Key, events.MouseDown, events.MouseScrollDown, events.MouseScrollUp, events.Paste)
_MOST_LISTED: Final = 9


class DecidingApp(OperatingApp):
    """The part of the console for approvals and for the lock."""

    async def on_event(self, event: events.Event) -> None:
        """Notice that somebody is there; a touch that comes too late finds the console locked."""
        if isinstance(event, _TOUCHES):
            self.lock_if_due()
            self.touched()
        if isinstance(event, events.Key):
            self.presses.note(event.key)
        await super().on_event(event)

    def touched(self) -> None:
        """Somebody is there."""
        self.model.view_lock.touch()

    def lock_if_due(self) -> None:
        """Become view-only if nobody has touched the console for the configured time. Called at each tick and touch."""
        lock, snapshot = self.model.view_lock, self.model.snapshot
        if snapshot is None or not lock.due(snapshot.engine):
            return
        lock.locked = True
        idle_s = lock.idle_s
        unlock, stop = (shown_key(action_id, self.model) for action_id in ("console.unlock", "dispatch.stop"))
        self.say(
            f"nobody touched this console for {duration_text(idle_s)}: it is view-only now."
            f" {unlock} takes it back into use, {stop} still stops"
        )
        start_work(self, "lock", self._record_lock, idle_s)

    async def _record_lock(self, idle_s: float) -> None:
        """The console is locked whether or not the engine can write it down."""
        try:
            reply = await self.model.request(Lock(idle_s=idle_s))
        except OSError as error:
            log.warning("the lock of this console is not in the record: %s", error)
            return
        if isinstance(reply, Refused):
            log.warning("the lock of this console is not in the record: %s", reply.message)

    async def do_unlock(self) -> None:
        """Take the console back into use: a question of its own, and the engine writes down who did."""
        who = "" if self.model.snapshot is None else safe_text(self.model.snapshot.engine.user, 20)
        question = [
            line((f"This console acts for {who}.", "bold")),
            line("Whoever takes it back into use acts in that name; it is recorded."),
        ]
        dialog = ChoiceDialog("Take back into use", question, Choice("stay", "n", "Stay view-only"), [Choice("unlock", "y", "Yes, unlock")])
        if await self.push_screen_wait(dialog) == "unlock" and await self.ask_engine(Unlock()) is not None:
            self.model.view_lock.open()
            self.say("this console is in use again")

    async def do_approve(self) -> None:
        """Let what somebody else asked go ahead, after all of it was read."""
        chosen = await self._chosen("Approve")
        if chosen is None:
            return
        if await self._sure("Approve", chosen, Choice("approve", "y", "Yes, let it go ahead")):
            reply = await self.ask_engine(Approve(approval_id=chosen.approval_id, revision=chosen.revision))
            if reply is not None:
                self.model.selected_dispatch_id = reply.dispatch_id or self.model.selected_dispatch_id
                if reply.dispatch_id:
                    word = "updated" if chosen.before_kw is not None else "sent"
                    self.outcomes.follow(Act(reply.dispatch_id, word), self.model.snapshot)
                self.say(f"approved and sent: {what_text(chosen)}, asked by {chosen.by}; the vehicles' answers are coming in")

    async def do_reject(self) -> None:
        """Drop what somebody else asked."""
        chosen = await self._chosen("Reject")
        if chosen is None:
            return
        if await self._sure("Reject", chosen, Choice("reject", "y", "Yes, drop it")):
            reply = await self.ask_engine(Reject(approval_id=chosen.approval_id))
            if reply is not None:
                self.say(f"rejected: {what_text(chosen)}, asked by {chosen.by}")

    async def _chosen(self, title: str) -> ApprovalView | None:
        """The one to decide: the only one, or one picked by its number."""
        waiting = decidable(self.model)[:_MOST_LISTED]
        if len(waiting) < 2:
            return waiting[0] if waiting else None
        listed = [line((f"{number} ", "bold"), safe_text(f"{what_text(one)}, {one.by}", 64)) for number, one in enumerate(waiting, 1)]
        numbers = [Choice(one.approval_id, str(number), "") for number, one in enumerate(waiting, 1)]
        picked = await self.push_screen_wait(ChoiceDialog(f"{title}: which one?", listed, NO, numbers))
        return next((one for one in waiting if one.approval_id == picked), None)

    async def _sure(self, title: str, chosen: ApprovalView, yes: Choice) -> bool:
        now_ms = 0 if self.model.snapshot is None else self.model.snapshot.utc_ms
        dialog = ChoiceDialog(f"{title} {safe_text(chosen.approval_id, 16)}", approval_lines(chosen, now_ms), NO, [yes])
        return await self.push_screen_wait(dialog) == yes.value
