"""No sequence of requests, faults and events takes the totals of all vehicles above the configured interlocks, at any time."""

import asyncio

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.property.engine_machine import EngineMachine
from tests.unit.engine.cars import Answer, Car
from v2g_console.config.settings import Settings
from v2g_console.contract import requests as ask
from v2g_console.contract.tags import TagKind, TagScope
from v2g_console.engine.dispatch import Running

VEHICLES = 8
TOTAL_UP_KW, TOTAL_DOWN_KW, MOST_DISPATCHES = 30.0, 24.0, 3
ROUNDED_KW = 0.01
SIGNALS = st.sampled_from(["FCR", "aFRR_UP", "aFRR_DOWN", "MA"])
POWERS_KW = st.sampled_from([-30.0, -24.0, -9.0, 9.0, 20.0, 30.0, 45.0])
CAR = st.integers(0, VEHICLES - 1)


class InterlockModel(EngineMachine):
    """Vehicles are idle by themselves, so the setpoint that each follows is its regulation."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[str] = []

    @initialize(protocols=st.lists(st.sampled_from([1, 2]), min_size=VEHICLES, max_size=VEHICLES), ramp=st.sampled_from([0.0, 2.0]))
    def begin(self, protocols: list[int], ramp: float) -> None:
        fleet = [Car(f"veh{n:06d}", protocol) for n, protocol in enumerate(protocols)]
        limits = {"total_up_kw": TOTAL_UP_KW, "total_down_kw": TOTAL_DOWN_KW, "most_dispatches": MOST_DISPATCHES}
        dispatch = {"allocator": "equal", "reallocation": "balanced", "lease_s": 60.0, "ramp_kw_per_s": ramp}
        chosen = Settings.model_validate({"dispatch": dispatch, "interlocks": limits})
        self.start_with(fleet, chosen)

    def say(self, request: ask.Request) -> None:
        dispatch_id = self.asked(request)
        if dispatch_id and dispatch_id not in self.known:
            self.known.append(dispatch_id)

    def some(self, pick: int) -> str:
        return self.known[pick % len(self.known)] if self.known else "nobody"

    @rule(signal=SIGNALS, power_kw=POWERS_KW, preempt=st.booleans(), later=st.booleans())
    def dispatch(self, signal: str, power_kw: float, preempt: bool, later: bool) -> None:
        start_at = "2026-11-23T13:40:00Z" if later else None
        self.say(ask.Dispatch(signal=signal, power_kw=power_kw, duration_s=120.0, preempt=preempt, start_at=start_at))

    @rule(pick=st.integers(0, 20), power_kw=POWERS_KW)
    def update(self, pick: int, power_kw: float) -> None:
        self.say(ask.Update(dispatch_id=self.some(pick), power_kw=power_kw))

    @rule(pick=st.integers(0, 20), ends=st.booleans())
    def retry_or_cancel(self, pick: int, ends: bool) -> None:
        self.say(ask.Cancel(dispatch_id=self.some(pick)) if ends else ask.Retry(dispatch_id=self.some(pick)))

    @rule(car=CAR, up=st.booleans())
    def tag(self, car: int, up: bool) -> None:
        if up:
            self.say(ask.Tag(kind=TagKind.INHIBIT, scope=TagScope.VEHICLE, name=f"veh{car:06d}", note="works"))
        else:
            for tag in self.one.core.tags.views():
                self.say(ask.Untag(tag_id=tag.tag_id, note="done"))

    @rule(car=CAR, answer=st.sampled_from([Answer.YES, Answer.YES, Answer.NEVER, Answer.REJECTED, Answer.LIMITED]), reports=st.booleans())
    def vehicle_changes(self, car: int, answer: Answer, reports: bool) -> None:
        changed = self.one.fleet[f"veh{car:06d}"]
        changed.answer, changed.reports = answer, reports

    @rule(seconds=st.sampled_from([0.03, 0.5, 6.0, 25.0]))
    def time_passes(self, seconds: float) -> None:
        async def pass_it() -> None:
            for _ in range(max(1, round(seconds / 0.25))):
                await asyncio.sleep(min(seconds, 0.25))
                self.one.check()
                self.totals_hold()

        self.runner.run(pass_it())

    @invariant()
    def totals_hold(self) -> None:
        if not hasattr(self, "one"):
            return
        now_ms = self.one.clock.utc() * 1000
        followed = np.array([car.power_kw(now_ms) for car in self.one.fleet.values()])
        assert followed[followed > 0].sum() <= TOTAL_UP_KW + ROUNDED_KW, followed
        assert -followed[followed < 0].sum() <= TOTAL_DOWN_KW + ROUNDED_KW, followed
        running: list[Running] = [one for one in self.one.core.running.values() if one.started_at is not None and not one.over]
        assert len(running) <= MOST_DISPATCHES

    def teardown(self) -> None:
        if hasattr(self, "one"):
            self.runner.run(self.one.close())
        self.runner.close()


InterlockModel.TestCase.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestInterlockModel = InterlockModel.TestCase
