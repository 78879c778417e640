"""The one gate: every request, whatever way it came, is checked, authorised, audited and carried out here."""

import logging
from typing import Final, assert_never

import msgspec

from v2g_console.contract import requests as ask
from v2g_console.contract.events import RequestAccepted, RequestRefused
from v2g_console.contract.replies import Accepted, Refusal, Refused, Reply, Result
from v2g_console.contract.tags import TagDone, TagKind, TagsView
from v2g_console.domain.states import DispatchState
from v2g_console.engine.access import Access
from v2g_console.engine.acting import Acting, refuse_start
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.approvals import Approvals
from v2g_console.engine.core import Core
from v2g_console.engine.ecowatt import Ecowatt
from v2g_console.engine.handover import Handover
from v2g_console.engine.pace import Pace
from v2g_console.engine.plans import Plans
from v2g_console.engine.queries import Queries
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.refusal_pace import RefusalPace
from v2g_console.engine.tagging import Tagging
from v2g_console.journal.port import JournalError, RequestRecord

log = logging.getLogger(__name__)

_ALWAYS_TAKEN = (ask.Stop, ask.Cancel, ask.Reject, ask.Lock, ask.Unlock)
"""However many requests a person makes, these are carried out: they end or hold something."""

_MOST_ASKED: Final = 2000
_REPEATED: Final = "(several)"
"""Name of the request in the record of many that were refused."""

Looks = (
    ask.Plan
    | ask.DispatchDetail
    | ask.Fleet
    | ask.Status
    | ask.Handover
    | ask.Forecast
    | ask.Ecowatt
    | ask.Journal
    | ask.JournalEntry
    | ask.Identity
    | ask.Tags
    | ask.StopList
    | ask.Configuration
)
KeepsRecord = (
    ask.Tag
    | ask.Untag
    | ask.Note
    | ask.AckAlarm
    | ask.ShelveAlarm
    | ask.UnshelveAlarm
    | ask.ResetTrust
    | ask.Lock
    | ask.Unlock
    | ask.EcowattFeed
    | ask.EcowattDismiss
)
Acts = ask.Arm | ask.Operate | ask.Dispatch | ask.Update | ask.Retry | ask.Cancel | ask.Stop | ask.Resume | ask.Approve | ask.Reject


class Gate:
    """Carries out requests on the engine's loop."""

    def __init__(
        self,
        core: Core,
        plans: Plans,
        alarms: Alarms,
        acting: Acting,
        queries: Queries,
        access: Access,
        approvals: Approvals,
        tagging: Tagging,
        handover: Handover,
        ecowatt: Ecowatt,
    ) -> None:
        self._core, self._plans, self._alarms = core, plans, alarms
        self._acting, self._queries = acting, queries
        self._access, self._approvals, self._tagging = access, approvals, tagging
        self._handover, self._ecowatt = handover, ecowatt
        self._pace = Pace(core.settings.interlocks.requests_per_minute)
        self._refusals = RefusalPace()

    async def request(self, request: ask.Request, origin: ask.Origin) -> Reply:
        """Answer a request; a refusal is an answer. Unexpected errors are logged and refused as INTERNAL."""
        name = request.__struct_config__.tag
        assert isinstance(name, str)
        about, begins = self._about(request), self._begins(request)
        try:
            await self._authorise(request, name, origin)
            result, dispatch_id = await self._carry_out(request, origin)
        except RefusalError as error:
            reply = error.reply(name)
            if isinstance(request, ask.Operate) and error.reason is Refusal.PLAN_CHANGED:
                reply = await self._acting.replanned(request, origin, reply)
            await self._record_refused(request, origin, reply)
            return reply
        except Exception:
            log.exception("request %s failed", name)
            reply = Refused(request=name, reason=Refusal.INTERNAL, message="internal error, see the log")
            await self._record_refused(request, origin, reply)
            return reply
        if not isinstance(request, ask.LOOKS_ONLY) and not (isinstance(request, ask.Dispatch) and request.dry_run):
            core = self._core
            audited = await self._audit(request, origin, name, "accepted", " ".join(filter(None, (dispatch_id, about))))
            begun = core.running.get(dispatch_id) if begins else None
            if not audited and begun is not None:
                begun.end(DispatchState.FAILED, "the journal did not take the request")
                reply = Refused(request=name, reason=Refusal.JOURNAL, message=f"the journal did not take it: {core.journal_error}")
                self._tell_refused(request, origin, name, reply)
                return reply
            core.emit(
                RequestAccepted(ts=core.ts(), request=name, by=origin.user, way=origin.way, detail=origin.detail, dispatch_id=dispatch_id)
            )
            if isinstance(result, TagDone) and not audited:
                result = msgspec.structs.replace(result, durable=False)
        return Accepted(request=name, result=result, dispatch_id=dispatch_id)

    async def _authorise(self, request: ask.Request, name: str, origin: ask.Origin) -> None:
        """Raises RefusalError if who asks may not, or nobody may now. An approval must hold for what it lets go ahead too."""
        await self._access.check(name, origin)
        self._refuse_impossible(request)
        if not isinstance(request, (*ask.LOOKS_ONLY, *_ALWAYS_TAKEN)) and not _inhibits(request):
            self._pace.admit(origin.user, self._core.clock.monotonic())
        held = self._approvals.find(request.approval_id) if isinstance(request, ask.Approve) else None
        if held is not None:
            await self._access.check(held.view.request, held.origin)
            self._refuse_impossible(held.request)

    def _begins(self, request: ask.Request) -> bool:
        """True if it makes a new dispatch where it is accepted."""
        held = self._approvals.find(request.approval_id) if isinstance(request, ask.Approve) else None
        return isinstance(request, ask.Dispatch | ask.Operate) or (held is not None and held.fields is not None)

    def _about(self, request: ask.Request) -> str:
        """What the record says of a request besides its dispatch."""
        match request:
            case ask.Approve() | ask.Reject():
                return self._approvals.about(request.approval_id)
            case ask.Arm() | ask.Operate():
                return self._plans.about(request.plan_id)
            case ask.Lock():
                return f"nobody touched the console for {request.idle_s:.0f} s"
            case _:
                return ""

    def _refuse_impossible(self, request: ask.Request) -> None:
        """Raises RefusalError for what nobody may ask now."""
        core = self._core
        if isinstance(request, ask.LOOKS_ONLY):
            return
        if core.read_only:
            raise RefusalError(Refusal.READ_ONLY, "this engine runs read-only", "start it without --read-only to act")
        starts = isinstance(request, ask.Operate | ask.Dispatch | ask.Update | ask.Retry | ask.Arm)
        if starts and not (isinstance(request, ask.Dispatch) and request.dry_run):
            refuse_start(core)

    async def _carry_out(self, request: ask.Request, origin: ask.Origin) -> tuple[Result, str]:
        """`(result, dispatch id)`; raises RefusalError."""
        if isinstance(request, ask.LOOKS_ONLY):
            return await self._look(request, origin)
        if isinstance(request, KeepsRecord):
            return await self._keep(request, origin), ""
        return await self._act(request, origin)

    async def _act(self, request: Acts, origin: ask.Origin) -> tuple[Result, str]:
        """What begins, changes and ends dispatches."""
        match request:
            case ask.Arm():
                return self._plans.arm(request, origin.user).view, ""
            case ask.Operate():
                return await self._acting.operate(request, origin)
            case ask.Dispatch():
                return await self._acting.dispatch(request, origin)
            case ask.Update():
                return await self._acting.update(request, origin)
            case ask.Retry():
                return await self._acting.retry(request)
            case ask.Cancel():
                return self._acting.cancel(request, origin)
            case ask.Stop():
                return self._acting.stop(request, origin), ""
            case ask.Resume():
                return self._acting.resume(origin)
            case ask.Approve():
                return await self._acting.approve(request, origin)
            case ask.Reject():
                self._approvals.reject(request.approval_id, origin.user, request.reason)
                return None, ""
        assert_never(request)

    async def _keep(self, request: KeepsRecord, origin: ask.Origin) -> Result:
        """What is hung up, taken down, answered and written down beside dispatches."""
        match request:
            case ask.Tag():
                return self._tagging.hang(request, origin)
            case ask.Untag():
                return await self._tagging.take_down(request, origin)
            case ask.EcowattFeed():
                return self._ecowatt.feed(request, origin)
            case ask.EcowattDismiss():
                return self._ecowatt.dismiss(request, origin)
            case ask.Note():
                self._handover.note(request, origin)
            case ask.AckAlarm():
                self._alarms.acknowledge(request.alarm_id, origin.user)
            case ask.ShelveAlarm():
                self._alarms.shelve(request.alarm_id, origin.user, request.reason, request.for_s)
            case ask.UnshelveAlarm():
                self._alarms.unshelve(request.alarm_id, origin.user)
            case ask.ResetTrust():
                self._acting.reset_trust(request)
            case ask.Lock() | ask.Unlock():
                pass  # the record of the request is all there is to it
            case _:
                assert_never(request)
        return None

    async def _look(self, request: Looks, origin: ask.Origin) -> tuple[Result, str]:
        """What changes nothing."""
        match request:
            case ask.Plan():
                return await self._acting.plan(request, origin)
            case ask.DispatchDetail():
                return self._queries.detail(request)
            case ask.Fleet():
                return self._queries.fleet(request), ""
            case ask.Status():
                return self._queries.status(await self._access.identity(origin)), ""
            case ask.Handover():
                return await self._handover.report(request, await self._access.identity(origin)), ""
            case ask.Forecast():
                return await self._queries.forecast(), ""
            case ask.Ecowatt():
                return self._ecowatt.view(), ""
            case ask.Journal():
                return await self._queries.journal(request), ""
            case ask.JournalEntry():
                return await self._queries.journal_entry(request), ""
            case ask.Identity():
                return await self._access.identity(origin), ""
            case ask.Tags():
                return TagsView(tags=self._core.tags.views()), ""
            case ask.StopList():
                return self._queries.stop_list(), ""
            case ask.Configuration():
                return self._queries.configuration(), ""
        assert_never(request)

    def tell_refusals(self, now: float) -> None:
        """Write down together the refused requests that were only counted; about once a second, and with infinity at the end."""
        core = self._core
        for one in self._refusals.over(now):
            core.note(RequestRecord(core.utc_ms(), one.user, one.way, _REPEATED, one.reason, one.words))
            core.emit(RequestRefused(ts=core.ts(), request=_REPEATED, by=one.user, way=one.way, reason=one.reason, message=one.words))

    async def _record_refused(self, request: ask.Request, origin: ask.Origin, reply: Refused) -> None:
        """Write a refusal down and tell it; of one caller on the socket only so many a minute, and the others in one sum."""
        name, now = reply.request, self._core.clock.monotonic()
        audited = not isinstance(request, ask.LOOKS_ONLY) or reply.reason in (Refusal.FORBIDDEN, Refusal.INTERNAL)
        if origin.way == "socket" and not self._refusals.admit(origin.user, origin.way, name, reply.reason.value, now):
            return
        if audited:
            await self._audit(request, origin, name, reply.reason.value, reply.message)
        self._tell_refused(request, origin, name, reply)

    async def _audit(self, request: ask.Request, origin: ask.Origin, name: str, outcome: str, detail: str) -> bool:
        """Journal an attempt; False if the journal did not take it yet: it is written when it works again."""
        record = RequestRecord(self._core.utc_ms(), origin.user, origin.way, name, outcome, detail, _asked(request))
        try:
            await self._core.commit_request(record)
        except JournalError:
            log.error("journal did not take request %s by %s: %s", name, origin.user, outcome)
            self._core.note(record)
            return False
        return True

    def _tell_refused(self, request: ask.Request, origin: ask.Origin, name: str, reply: Refused) -> None:
        core = self._core
        line = int(origin.detail) if origin.way == "commands" and origin.detail.isdecimal() else None
        core.emit(
            RequestRefused(
                ts=core.ts(),
                request=name,
                by=origin.user,
                way=origin.way,
                reason=reply.reason.value,
                message=reply.message,
                hint=reply.hint,
                line=line,
            )
        )


def _inhibits(request: ask.Request) -> bool:
    """True for a tag that takes something out of use: like STOP it is carried out however often somebody asks."""
    return isinstance(request, ask.Tag) and request.kind is TagKind.INHIBIT


def _asked(request: ask.Request) -> str:
    """The request as the journal keeps it; text that is no Unicode, as a terminal may send it, is written with its escapes."""
    try:
        return msgspec.json.encode(request).decode()[:_MOST_ASKED]
    except UnicodeEncodeError:
        return ascii(request)[:_MOST_ASKED]
