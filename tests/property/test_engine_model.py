"""Random walks of operators, vehicles and the link through the whole engine; the bench's invariants hold at every step."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.property.engine_machine import EngineMachine
from tests.unit.engine.bench import JournalError
from tests.unit.engine.cars import Answer, Car
from v2g_console.config.settings import Settings
from v2g_console.contract import requests as ask
from v2g_console.domain.states import DISPATCH_TRANSITIONS, DispatchState
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.transport.port import PublishOutcome

VEHICLES = 6
SIGNALS = st.sampled_from(["FCR", "aFRR_UP", "aFRR_DOWN", "MA", "NEBEF", "EcoWatt"])
POWERS_KW = st.sampled_from([-60.0, -9.0, -2.0, 2.0, 9.0, 60.0])
_FINAL = {ReleaseState.CONFIRMED, ReleaseState.OWED, ReleaseState.NOT_NEEDED, ReleaseState.LEASE_ENDED}


class EngineModel(EngineMachine):
    """`seen` holds each dispatch with the last state it was seen in."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, tuple[Running, DispatchState]] = {}

    @initialize(protocols=st.lists(st.sampled_from([1, 2]), min_size=VEHICLES, max_size=VEHICLES))
    def begin(self, protocols: list[int]) -> None:
        fleet = [Car(f"veh{n:06d}", protocol, natural_kw=-7.4 if n % 2 else 0.0) for n, protocol in enumerate(protocols)]
        chosen = Settings.model_validate({"dispatch": {"allocator": "equal", "lease_s": 60.0, "release_ramp_s": 1.0}})
        self.start_with(fleet, chosen)

    def say(self, request: ask.Request) -> None:
        if dispatch_id := self.asked(request):
            running = self.one.core.find(dispatch_id)
            assert running is not None
            self.seen.setdefault(running.dispatch_id, (running, running.state))

    def some(self, pick: int) -> str:
        known = sorted(self.seen)
        return known[pick % len(known)] if known else "nobody"

    @rule(signal=SIGNALS, power_kw=POWERS_KW, duration_s=st.sampled_from([1.0, 8.0, 90.0]))
    def dispatch(self, signal: str, power_kw: float, duration_s: float) -> None:
        self.say(ask.Dispatch(signal=signal, power_kw=power_kw, duration_s=duration_s))

    @rule(pick=st.integers(0, 20), power_kw=POWERS_KW)
    def update(self, pick: int, power_kw: float) -> None:
        self.say(ask.Update(dispatch_id=self.some(pick), power_kw=power_kw))

    @rule(pick=st.integers(0, 20))
    def retry(self, pick: int) -> None:
        self.say(ask.Retry(dispatch_id=self.some(pick)))

    @rule(pick=st.integers(0, 20))
    def cancel(self, pick: int) -> None:
        self.say(ask.Cancel(dispatch_id=self.some(pick)))

    @rule(stop=st.booleans())
    def stop_or_resume(self, stop: bool) -> None:
        self.say(ask.Stop() if stop else ask.Resume())

    @rule(car=st.integers(0, VEHICLES - 1), answer=st.sampled_from(Answer), answer_s=st.sampled_from([0.0, 0.001, 0.02, 4.0, 9.0]))
    def vehicle_changes(self, car: int, answer: Answer, answer_s: float) -> None:
        changed = self.one.fleet[f"veh{car:06d}"]
        changed.answer, changed.answer_s = answer, answer_s

    @rule(car=st.integers(0, VEHICLES - 1), follows=st.booleans(), reports=st.booleans())
    def vehicle_follows(self, car: int, follows: bool, reports: bool) -> None:
        changed = self.one.fleet[f"veh{car:06d}"]
        changed.follows, changed.reports = follows, reports

    @rule(car=st.integers(0, VEHICLES - 1), outcome=st.sampled_from(PublishOutcome), arrives=st.booleans())
    def broker_changes(self, car: int, outcome: PublishOutcome, arrives: bool) -> None:
        self.one.link.broker_says[f"veh{car:06d}"] = outcome
        self.one.link.failed_arrives = arrives

    @rule(fails=st.booleans(), round_s=st.sampled_from([0.0, 0.3]))
    def journal_changes(self, fails: bool, round_s: float) -> None:
        self.one.journal.fails = JournalError if fails else None
        self.one.journal.round_s = round_s

    @rule(seconds=st.sampled_from([0.005, 0.03, 0.5, 6.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.runner.run(self.one.run_for(seconds))

    @invariant()
    def states_move_by_the_table(self) -> None:
        for dispatch_id, (running, before) in self.seen.items():
            assert running.state in reachable(before), f"{before} -> {running.state}"
            self.seen[dispatch_id] = (running, running.state)
            if running.over:
                releases = {ReleaseState(int(state)) for state in running.release_state[running.out]}
                assert releases <= _FINAL, releases

    def teardown(self) -> None:
        if hasattr(self, "one"):
            self.runner.run(self._everything_heals())
        self.runner.close()

    async def _everything_heals(self) -> None:
        """Once everybody behaves again, every vehicle gets free of every setpoint."""
        one = self.one
        one.journal.fails, one.journal.round_s, one.link.broker_says = None, 0.0, {}
        for car in one.fleet.values():
            car.answer, car.answer_s, car.follows, car.reports = Answer.YES, 0.02, True, True
        one.link.up()
        await one.say(ask.Stop())
        await one.run_for(400.0)
        assert one.core.running == {}
        assert len(one.engine._owed) == 0
        assert (one.core.fleet.owner[:VEHICLES] == -1).all()
        for car in one.fleet.values():
            if car.received:
                assert car.setpoint_kw is None or car.setpoint_kw <= 0.0, (car, car.received[-3:])
        await one.close()


def reachable(state: DispatchState) -> set[DispatchState]:
    """States that may follow, however many steps later."""
    found, todo = {state}, [state]
    while todo:
        for after in DISPATCH_TRANSITIONS[todo.pop()] - found:
            found.add(after)
            todo.append(after)
    return found


EngineModel.TestCase.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestEngineModel = EngineModel.TestCase
