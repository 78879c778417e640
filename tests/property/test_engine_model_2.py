"""Random walks with reallocation, preemption, moving targets, sites, vehicles that leave: who has whom, and what is true of the power."""

import math
from typing import ClassVar

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.property.test_engine_model import SIGNALS, VEHICLES, EngineModel
from tests.unit.engine.cars import Answer, Car
from v2g_console.config.settings import Settings
from v2g_console.contract import requests as ask
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.engine.expected import believe
from v2g_console.engine.totals import totals
from v2g_console.transport.port import PublishOutcome

LIMIT_KW = {"paris-nord": 18.0, "lyon-2": 24.0}
QUIET_S = 60.0
MOST_MESSAGES = 30  # to one vehicle in a minute in which nobody asks for anything
_GRID = {"nodes": [{"name": name, "export_kw": limit_kw} for name, limit_kw in LIMIT_KW.items()]}


class OwnershipModel(EngineModel):
    """The walk of `EngineModel` with everything that moves vehicles between dispatches."""

    natural_kw = (0.0, -7.4)
    least_protocol = 1
    sections: ClassVar[dict[str, object]] = {}

    @initialize(
        protocols=st.lists(st.sampled_from([1, 2]), min_size=VEHICLES, max_size=VEHICLES),
        course=st.sampled_from([{}, {"full_activation_s": 20.0}, {"ramp_kw_per_s": 1.0}]),
    )
    def begin(self, protocols: list[int], course: dict[str, float] | None = None) -> None:
        sites = list(LIMIT_KW)
        fleet = [
            Car(
                f"veh{n:06d}", max(protocol, self.least_protocol), natural_kw=self.natural_kw[n % 2], site=sites[n * len(sites) // VEHICLES]
            )
            for n, protocol in enumerate(protocols)
        ]
        dispatch = {"allocator": "equal", "lease_s": 60.0, "reallocation": "balanced", **(course or {})}
        chosen = Settings.model_validate({"dispatch": dispatch, **self.sections})
        self.start_with(fleet, chosen)

    @rule(signal=SIGNALS, power_kw=st.sampled_from([-40.0, -9.0, 9.0, 25.0, 60.0]), duration_s=st.sampled_from([20.0, 300.0]))
    def preempt(self, signal: str, power_kw: float, duration_s: float) -> None:
        self.say(ask.Dispatch(signal=signal, power_kw=power_kw, duration_s=duration_s, preempt=True))

    @rule(pick=st.integers(0, 20), power_kw=st.sampled_from([0.0, 0.3, -25.0, 25.0]))
    def move_target(self, pick: int, power_kw: float) -> None:
        self.say(ask.Update(dispatch_id=self.some(pick), power_kw=power_kw))

    @rule(car=st.integers(0, VEHICLES - 1), available=st.booleans())
    def vehicle_leaves(self, car: int, available: bool) -> None:
        self.one.fleet[f"veh{car:06d}"].available = available

    @rule()
    def a_quiet_minute(self) -> None:
        before = {car.vehicle_id: len(car.received) for car in self.one.fleet.values()}
        self.runner.run(self.one.run_for(QUIET_S))
        for car in self.one.fleet.values():
            assert len(car.received) - before[car.vehicle_id] <= MOST_MESSAGES, [one.at_s for one in car.received[-MOST_MESSAGES:]]

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """A vehicle that follows a setpoint is owned, or its release is owed."""
        fleet = self.one.core.fleet
        for running, _ in self.seen.values():
            for position in np.flatnonzero(running.out):
                state, row = ReleaseState(int(running.release_state[position])), running.row_list[position]
                if state is ReleaseState.NONE and not running.over:
                    assert fleet.owner[row] == running.slot, f"{fleet.ids[row]} was commanded and is nobody's"
                if state is ReleaseState.OWED:
                    assert fleet.owed[row], f"{fleet.ids[row]} is owed its release, but the list does not know it"

    @invariant()
    def no_vehicle_has_two_places(self) -> None:
        fleet = self.one.core.fleet
        for running in self.one.core.running.values():
            held = running.rows[running.held(fleet.owner)]
            assert len(held) == len(np.unique(held)), "a vehicle is held at two positions"

    @invariant()
    def figures_are_numbers(self) -> None:
        for running in self.one.core.running.values():
            self._finite(running)

    def _finite(self, running: Running) -> None:
        sums = totals(self.one.core, running)
        for kw in (sums.acknowledged_kw, sums.uncertain_kw, sums.allocated_kw, believe(self.one.core, running).total_kw):
            assert math.isfinite(kw), (sums, believe(self.one.core, running))

    async def _everything_heals(self) -> None:
        for car in self.one.fleet.values():
            car.available = True
        await super()._everything_heals()
        fleet = self.one.core.fleet
        assert np.isnan(fleet.setpoint_kw[:VEHICLES]).all(), "a free vehicle still counts with a setpoint"
        assert not fleet.owed[:VEHICLES].any()


class SiteModel(OwnershipModel):
    """Regulation up only, and vehicles that idle by themselves: whatever is released, late or lost, lowers what a site exports."""

    natural_kw = (0.0, 0.0)
    least_protocol = 2  # a v1 vehicle does not say where it is
    sections: ClassVar[dict[str, object]] = {"grid": _GRID}

    @rule(signal=st.sampled_from(["FCR", "MA", "aFRR_UP"]), power_kw=st.sampled_from([2.0, 9.0, 60.0]))
    def dispatch(self, signal: str, power_kw: float, duration_s: float = 90.0) -> None:
        self.say(ask.Dispatch(signal=signal, power_kw=power_kw, duration_s=duration_s))

    @rule(signal=st.sampled_from(["FCR", "MA", "aFRR_UP"]), power_kw=st.sampled_from([9.0, 60.0]))
    def preempt(self, signal: str, power_kw: float, duration_s: float = 300.0) -> None:
        self.say(ask.Dispatch(signal=signal, power_kw=power_kw, duration_s=duration_s, preempt=True))

    @rule(pick=st.integers(0, 20), power_kw=st.sampled_from([2.0, 9.0, 60.0]))
    def update(self, pick: int, power_kw: float) -> None:
        self.say(ask.Update(dispatch_id=self.some(pick), power_kw=power_kw))

    @rule(pick=st.integers(0, 20), power_kw=st.sampled_from([0.0, 25.0]))
    def move_target(self, pick: int, power_kw: float) -> None:
        self.say(ask.Update(dispatch_id=self.some(pick), power_kw=power_kw))

    @rule(car=st.integers(0, VEHICLES - 1), answer=st.sampled_from([Answer.YES, Answer.NEVER, Answer.REJECTED, Answer.TWICE]))
    def vehicle_changes(self, car: int, answer: Answer, answer_s: float = 0.02) -> None:
        self.one.fleet[f"veh{car:06d}"].answer = answer

    @rule(car=st.integers(0, VEHICLES - 1), reports=st.booleans())
    def vehicle_follows(self, car: int, reports: bool, follows: bool = True) -> None:
        self.one.fleet[f"veh{car:06d}"].reports = reports

    @rule(car=st.integers(0, VEHICLES - 1))
    def broker_changes(self, car: int, outcome: PublishOutcome = PublishOutcome.FAILED, arrives: bool = True) -> None:
        self.one.link.broker_says[f"veh{car:06d}"] = outcome
        self.one.link.failed_arrives = arrives

    @invariant()
    def sites_keep_their_limits(self) -> None:
        now_ms = self.one.clock.utc() * 1000
        for site, limit_kw in LIMIT_KW.items():
            kw = [car.power_kw(now_ms) for car in self.one.fleet.values() if car.site == site]
            assert sum(kw) <= limit_kw + 1e-4, f"{site} exports {kw}"


_WALK = settings(max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
OwnershipModel.TestCase.settings = SiteModel.TestCase.settings = _WALK
TestOwnershipModel = OwnershipModel.TestCase
TestSiteModel = SiteModel.TestCase
