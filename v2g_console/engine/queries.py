"""Requests that only look: fleet, status, one dispatch, the journal."""

from typing import Final

from v2g_console.contract import requests as ask
from v2g_console.contract.configuration import ConfigurationView
from v2g_console.contract.forecast import ForecastView
from v2g_console.contract.journal_kinds import kind_problem
from v2g_console.contract.record import JournalEntryView, JournalPage, JournalRow
from v2g_console.contract.replies import IdentityView, Refusal, Result, StatusView
from v2g_console.contract.stop import StopView
from v2g_console.engine.acting import find
from v2g_console.engine.approvals import Approvals
from v2g_console.engine.core import Core
from v2g_console.engine.forecasting import Forecasting
from v2g_console.engine.headroom import Headroom
from v2g_console.engine.owed import Owed
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.snapshots import Snapshots
from v2g_console.engine.stop import Stopping
from v2g_console.engine.views import dispatch_detail, fleet_page, vehicle_view
from v2g_console.journal.port import JournalError
from v2g_console.journal.told import MOST_ENTRIES
from v2g_console.journal.wanted import Wanted

MOST_ROWS: Final = 2_000_000
"""More vehicles than a fleet may have."""
MOST_LEFT_OUT: Final = 20


class Queries:
    """Answers that change nothing. Methods raise RefusalError."""

    def __init__(
        self,
        core: Core,
        owed: Owed,
        headroom: Headroom,
        snapshots: Snapshots,
        approvals: Approvals,
        stopping: Stopping,
        configured: ConfigurationView,
    ) -> None:
        self._configured = configured
        self._core, self._owed, self._approvals, self._stopping = core, owed, approvals, stopping
        self._headroom, self._snapshots = headroom, snapshots
        self._forecasting = Forecasting(core)

    def fleet(self, request: ask.Fleet) -> Result:
        """The fleet as rows, or one vehicle in full."""
        if not 1 <= request.limit <= MOST_ROWS:
            raise RefusalError(
                Refusal.INVALID, f"limit is a number of rows from 1 to {MOST_ROWS}, not {request.limit}", "leave it out for 1000"
            )
        if request.vehicle_id is None:
            return fleet_page(self._core, request, self._headroom.recent(len(self._owed)))
        row = self._core.fleet.row_of.get(request.vehicle_id)
        if row is None:
            raise RefusalError(Refusal.UNKNOWN_VEHICLE, f"no vehicle {request.vehicle_id[:64]!r} in the fleet", "`fleet ls` lists them")
        return vehicle_view(self._core, row)

    async def forecast(self) -> ForecastView:
        """What the fleet can probably do in the hours to come."""
        return await self._forecasting.view()

    def configuration(self) -> ConfigurationView:
        """What the engine runs with, and where each value comes from."""
        return self._configured

    def stop_list(self) -> StopView:
        """How far STOP has come, and who is silent."""
        return self._stopping.view()

    def status(self, you: IdentityView) -> StatusView:
        """Engine, link, fleet and dispatches in numbers."""
        shown = self._snapshots.newest()
        return StatusView(
            engine=shown.engine,
            link=self._core.link.health(),
            fleet=self._headroom.recent(len(self._owed)),
            dispatches=shown.dispatches,
            approvals=self._approvals.views(),
            alarms=shown.alarms,
            alarm_rates=shown.alarm_rates,
            you=you,
        )

    async def journal(self, request: ask.Journal) -> JournalPage:
        """A page of the journal, newest first."""
        if problem := kind_problem(request.kind):
            raise RefusalError(Refusal.INVALID, problem, "a kind, or its beginning up to a dot")
        wanted = Wanted(
            request.from_ms,
            request.until_ms,
            request.vehicle_id,
            request.signal,
            self._whole_id(request.dispatch_id),
            request.kind,
            request.without[:MOST_LEFT_OUT],
        )
        limit = min(max(1, request.limit), MOST_ENTRIES)
        try:
            told = await self._core.journal.page(wanted, max(0, request.before), limit)
        except JournalError as error:
            raise RefusalError(Refusal.JOURNAL, str(error), "`v2g-console journal ls` says more") from error
        rows = tuple(
            JournalRow(number=one.number, utc_ms=one.utc_ms, kind=one.kind, dispatch_id=one.dispatch_id, by=one.person, text=one.words)
            for one in told
        )
        return JournalPage(rows=rows, more=len(rows) == limit, durable=self._core.settings.journal.backend != "memory")

    async def journal_entry(self, request: ask.JournalEntry) -> JournalEntryView:
        """One entry in full."""
        try:
            text = await self._core.journal.whole(request.number)
        except JournalError as error:
            raise RefusalError(Refusal.JOURNAL, str(error), "`v2g-console journal ls` says more") from error
        if not text:
            raise RefusalError(Refusal.INVALID, f"no entry {request.number} in the journal", "old entries are removed by retention")
        return JournalEntryView(number=request.number, json=text)

    def _whole_id(self, name: str) -> str:
        """The whole id of a dispatch that the engine knows; else as it was written, for those only the journal knows."""
        if not name:
            return ""
        known = self._core.find(name)
        return known.dispatch_id if known is not None else name.removeprefix("#").lower()

    def detail(self, request: ask.DispatchDetail) -> tuple[Result, str]:
        """One dispatch with its vehicles, and its whole id."""
        running = find(self._core, request.dispatch_id)
        return dispatch_detail(self._core, running, request.limit), running.dispatch_id
