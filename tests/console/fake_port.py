"""A scripted engine for screens: answers from a list, remembers every request, and can go away."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from tests.console import pictures
from tests.console.forecasts import forecast
from v2g_console.contract.events import Event, EventBatch
from v2g_console.contract.record import JournalEntryView, JournalPage, JournalRow
from v2g_console.contract.replies import Accepted, DispatchDetailView, FleetPage, PlanView, Refusal, Refused, Reply, VehicleView
from v2g_console.contract.requests import (
    Arm,
    Cancel,
    Dispatch,
    DispatchDetail,
    Fleet,
    Forecast,
    Journal,
    JournalEntry,
    Operate,
    Origin,
    Plan,
    Request,
    Retry,
    Stop,
    Update,
)
from v2g_console.contract.snapshot import Snapshot
from v2g_console.contract.stop import StopView
from v2g_console.domain.states import DispatchState

Answer = Callable[[Request], Reply]


class FakePort:
    """An EnginePort over one picture. `picture` may be replaced at any time; `gone` makes every call fail like a dead engine.

    `requests` holds what was asked, in order. `answers` (by type of request) overrides the built-in answers. `gate`, if set, holds
    snapshots back until it is set: an engine that stalls. `moving`: each snapshot has a new number, as with a real engine.
    """

    def __init__(self, picture: Snapshot | None = None) -> None:
        self.picture = pictures.normal() if picture is None else picture
        self.requests: list[Request] = []
        self.origins: list[Origin] = []
        self.answers: dict[type[Request], Answer] = {}
        self.event_log: list[Event] = []
        self.journal_rows: list[JournalRow] = []
        self.gone = ""
        self.moving = True
        self.gate: asyncio.Event | None = None
        self.snapshots_asked = 0
        self.snapshots_running = 0
        self.most_snapshots_running = 0

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Answer by `answers`, else in the most ordinary way."""
        self._fail_if_gone()
        self.requests.append(request)
        self.origins.append(origin)
        answer = self.answers.get(type(request))
        return self._ordinary(request) if answer is None else answer(request)

    async def snapshot(self) -> Snapshot:
        """The picture; counts how many calls run at once."""
        self.snapshots_asked += 1
        self.snapshots_running += 1
        self.most_snapshots_running = max(self.most_snapshots_running, self.snapshots_running)
        try:
            if self.gate is not None:
                await self.gate.wait()
            self._fail_if_gone()
            if self.moving:
                self.picture = replace(self.picture, number=self.picture.number + 1)
            return self.picture
        finally:
            self.snapshots_running -= 1

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """What was put into `event_log`."""
        self._fail_if_gone()
        return EventBatch(next_number=len(self.event_log), dropped=0, events=tuple(self.event_log[after:]))

    def show(self, picture: Snapshot) -> None:
        """Make `picture` the newest one, with a new number."""
        self.picture = replace(picture, number=self.picture.number + 1)

    def asked(self, kind: type[Request]) -> list[Request]:
        """The requests of one kind."""
        return [request for request in self.requests if isinstance(request, kind)]

    def _fail_if_gone(self) -> None:
        if self.gone:
            raise ConnectionError(self.gone)

    def _ordinary(self, request: Request) -> Reply:
        match request:
            case Plan():
                return Accepted(request="plan", result=pictures.plan(request))
            case Arm():
                return Accepted(request="arm", result=pictures.armed_plan(self.picture.utc_ms))
            case Operate():
                return Accepted(request="operate", dispatch_id=pictures.DISPATCH_ID)
            case Dispatch():
                return Accepted(request="dispatch", dispatch_id=pictures.DISPATCH_ID)
            case DispatchDetail():
                return self._detail(request)
            case Forecast():
                return Accepted(request="forecast", result=forecast(self.picture))
            case Fleet():
                return self._fleet(request)
            case Stop():
                return Accepted(request="stop", result=StopView(dispatches=2, vehicles=463))
            case Journal():
                return self._journal(request)
            case JournalEntry():
                text = f'{{"number": {request.number}, "record": {{"vehicle_ids": ["FR-LYO-1"]}}}}'
                return Accepted(request="journal_entry", result=JournalEntryView(number=request.number, json=text))
            case Cancel() | Retry() | Update():
                return Accepted(request=type(request).__name__.lower(), dispatch_id=request.dispatch_id)
            case _:
                return Accepted(request=str(request.__struct_config__.tag))

    def _journal(self, request: Journal) -> Reply:
        """Pages of `journal_rows`, filtered by kind."""
        fits = [
            row for row in self.journal_rows if row.kind.startswith(request.kind) and (not request.before or row.number < request.before)
        ]
        page = JournalPage(rows=tuple(fits[: request.limit]), more=len(fits) > request.limit, durable=True)
        return Accepted(request="journal", result=page)

    def _detail(self, request: DispatchDetail) -> Reply:
        view = next((d for d in self.picture.dispatches if d.dispatch_id == request.dispatch_id), None)
        if view is None:
            return Refused(request="dispatch_detail", reason=Refusal.UNKNOWN_DISPATCH, message="no such dispatch", hint="see the list")
        rows = pictures.command_rows(self.picture, view)
        return Accepted(request="dispatch_detail", result=DispatchDetailView(dispatch=view, total=len(rows), rows=rows))

    def _fleet(self, request: Fleet) -> Reply:
        if request.vehicle_id is None:
            return Accepted(request="fleet", result=FleetPage(summary=self.picture.summary, total=0, rows=()))
        if request.vehicle_id not in self.picture.fleet.ids:
            return Refused(request="fleet", reason=Refusal.UNKNOWN_VEHICLE, message="no such vehicle", hint="see the fleet screen")
        vehicle: VehicleView = pictures.vehicle(self.picture, request.vehicle_id)
        return Accepted(request="fleet", result=vehicle)


def plan_of(reply: Reply) -> PlanView:
    """The plan in a reply; fails if there is none."""
    assert isinstance(reply, Accepted) and isinstance(reply.result, PlanView)
    return reply.result


RUNNING = DispatchState.ACTIVE
