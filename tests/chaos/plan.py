"""A scenario is a seed: from it come the fleet, the broker, what the operator asks for and when, and what goes wrong when."""

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from tests.chaos.launch_engine import Orders
from tests.chaos.points import POINTS

SPAN_S = 9.0
"""Steps are spread over this time; afterwards everything is healed and must come to rest."""
LEASE_S = 6.0
VEHICLES = 24
SITES = 3

SIGNALS = ("FCR", "aFRR_UP", "aFRR_DOWN", "MA", "NEBEF", "EcoWatt")


class Act(StrEnum):
    """What the operator does, or what goes wrong. `LINK_` happens between engine and broker, `CARS_` between vehicles and broker."""

    DISPATCH = "dispatch"
    PREEMPT = "dispatch with preemption"
    OPERATE = "plan, arm, operate"
    UPDATE = "update"
    CANCEL = "cancel"
    RETRY = "retry"
    STOP = "stop, then resume"
    BROKER_KILL = "broker killed"
    LINK_CUT = "link cut"
    LINK_FREEZE = "link frozen"
    LINK_MUTE = "engine unheard"
    LINK_SLOW = "link slow"
    LINK_DUPLICATE = "link duplicates"
    LINK_REORDER = "link reorders"
    LINK_FLAP = "link flaps"
    LINK_OUTAGE = "link refused"
    CARS_CUT = "cars cut"
    CARS_FREEZE = "cars frozen"
    CARS_MUTE = "cars unheard"
    CARS_SLOW = "cars slow"
    CARS_DUPLICATE = "cars get duplicates"
    CARS_REORDER = "cars get disorder"
    CARS_FLAP = "cars flap"
    CARS_PAUSE = "cars asleep"
    ENGINE_KILL = "engine killed"
    ENGINE_END = "engine ended in mid-dispatch"
    ENGINE_PAUSE = "engine stalled"
    HOSTILE = "hostile payloads"
    FLOOD = "telemetry flood"
    OLD_ACKS = "acks of before again"


ASKS = (Act.DISPATCH, Act.PREEMPT, Act.OPERATE, Act.UPDATE, Act.CANCEL, Act.RETRY, Act.STOP)
FAULTS = tuple(act for act in Act if act not in ASKS)
_ASK_WEIGHTS = (8, 3, 2, 5, 2, 2, 2)
_GENTLE = 0.25  # share of the faults that last long enough for a timeout or two


@dataclass(frozen=True, slots=True)
class Step:
    """One thing at `at_s` after the start, lasting `for_s`; `kw` and `signal` for what asks for power."""

    at_s: float
    act: Act
    for_s: float = 0.0
    kw: float = 0.0
    signal: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """All of it. `orders` are for the first engine process, the second and so on; later ones get none.

    `export_kw` is the limit of every site, 0: none. `offset_s` is how far the vehicles' date is off.
    `patient`: each step waits until the engine is ready, so that none is in vain.
    """

    seed: int
    broker: str
    protocol: str
    silent_rate: float
    reject_rate: float
    limit_rate: float
    drop_rate: float
    export_kw: float
    offset_s: float
    reallocation: str
    steps: tuple[Step, ...]
    orders: tuple[Orders, ...] = ()
    lease_s: float = LEASE_S
    patient: bool = False

    @property
    def clock_steps(self) -> bool:
        """True if the engine's date jumps."""
        return any(one.clock for one in self.orders)

    @property
    def cars_hear_late(self) -> bool:
        """True if something may hold back what the broker has already sent to the vehicles: nobody can call that back."""
        acts = {step.act for step in self.steps}
        return bool(acts & {Act.CARS_FREEZE, Act.CARS_SLOW, Act.CARS_PAUSE, Act.CARS_REORDER, Act.CARS_DUPLICATE})

    @property
    def disorder(self) -> bool:
        """True if packets may overtake each other, or come twice with others between: v1 vehicles can't tell."""
        acts = {step.act for step in self.steps}
        return bool(acts & {Act.CARS_REORDER, Act.CARS_DUPLICATE, Act.LINK_REORDER, Act.LINK_DUPLICATE})


def scenario(seed: int) -> Scenario:
    """The scenario of a seed, always the same."""
    draw = Random(f"chaos/{seed}")
    steps = sorted([*_asks(draw), *_faults(draw)], key=lambda step: step.at_s)
    offset_s = draw.choice((0.4, -0.4, -1.8, 30.0)) if draw.random() < 0.2 else 0.0
    return Scenario(
        seed=seed,
        broker="nats" if draw.random() < 0.3 else "mosquitto",
        protocol=draw.choice(("1", "2", "mixed", "mixed")),
        silent_rate=draw.choice((0.0, 0.0, 0.2)),
        reject_rate=draw.choice((0.0, 0.1)),
        limit_rate=draw.choice((0.0, 0.1)),
        drop_rate=draw.choice((0.0, 0.0, 0.1)),
        export_kw=draw.choice((0.0, 25.0)),
        offset_s=offset_s,
        reallocation=draw.choice(("balanced", "balanced", "probabilistic", "none")),
        steps=tuple(steps),
        orders=_orders(draw),
    )


def demanding(seed: int) -> Scenario:
    """One in which every kind of round is sent and the engine dies in between: what a broken engine (`mutants`) is tried with."""
    steps = (
        Step(0.0, Act.DISPATCH, 8.0, 40.0, "MA"),
        Step(1.5, Act.UPDATE, kw=25.0),
        Step(2.0, Act.DISPATCH, 6.0, 30.0, "aFRR_DOWN"),
        Step(4.5, Act.ENGINE_KILL),
        Step(6.5, Act.DISPATCH, 6.0, 45.0, "MA"),
        Step(8.0, Act.UPDATE, kw=30.0),
        Step(9.0, Act.STOP, 2.0),
        Step(9.8, Act.DISPATCH, 2.0, 30.0, "MA"),
        Step(11.8, Act.DISPATCH, 1.5, 30.0, "MA"),
    )
    return Scenario(
        seed=seed, broker="mosquitto", protocol="mixed", silent_rate=0.1, reject_rate=0.0, limit_rate=0.0, drop_rate=0.15, export_kw=25.0,
        offset_s=0.0, reallocation="balanced", steps=steps, lease_s=3.0, patient=True,
    )  # fmt: skip


def late(seed: int) -> Scenario:
    """One in which commands overtake each other, and releases reach the vehicles after their deadline."""
    steps = (
        Step(0.0, Act.DISPATCH, 2.5, 45.0, "MA"),
        Step(2.2, Act.CARS_FREEZE, 2.2),
        Step(11.0, Act.CARS_REORDER, 3.0),  # by now the first releases were repeated
        Step(11.2, Act.DISPATCH, 8.0, 45.0, "MA"),
        Step(11.4, Act.CANCEL),
    )
    return Scenario(
        seed=seed, broker="mosquitto", protocol="mixed", silent_rate=0.0, reject_rate=0.0, limit_rate=0.0, drop_rate=0.0, export_kw=0.0,
        offset_s=0.0, reallocation="none", steps=steps, lease_s=60.0, patient=True,
    )  # fmt: skip


def overtaken(seed: int) -> Scenario:
    """The same with many vehicles that can't tell which command is newer: some are sure to get a setpoint after all their releases."""
    steps = tuple(replace(step, kw=160.0) if step.act is Act.DISPATCH else step for step in late(seed).steps)
    return replace(late(seed), protocol="1", steps=steps)


def contested(seed: int) -> Scenario:
    """One in which a dispatch of higher rank takes vehicles of two others."""
    steps = (
        Step(0.0, Act.DISPATCH, 14.0, 16.0, "MA"),
        Step(4.0, Act.DISPATCH, 10.0, 60.0, "MA"),
        Step(8.0, Act.PREEMPT, 4.0, 60.0, "aFRR_UP"),
    )
    return Scenario(
        seed=seed, broker="mosquitto", protocol="2", silent_rate=0.0, reject_rate=0.0, limit_rate=0.0, drop_rate=0.0, export_kw=25.0,
        offset_s=0.0, reallocation="none", steps=steps, lease_s=30.0, patient=True,
    )  # fmt: skip


def misdated(seed: int) -> Scenario:
    """One in which the engine is started again with a date at which all leases would be over."""
    steps = (Step(0.0, Act.DISPATCH, 60.0, 45.0, "MA"), Step(4.0, Act.ENGINE_KILL))
    return Scenario(
        seed=seed, broker="mosquitto", protocol="2", silent_rate=0.0, reject_rate=0.0, limit_rate=0.0, drop_rate=0.0, export_kw=0.0,
        offset_s=0.0, reallocation="none", steps=steps, orders=(Orders(), Orders(clock=((0.0, 120.0),))), lease_s=30.0, patient=True,
    )  # fmt: skip


def _asks(draw: Random) -> list[Step]:
    first = Step(0.0, Act.DISPATCH, draw.uniform(4.0, 9.0), *_power(draw))
    acts = draw.choices(ASKS, _ASK_WEIGHTS, k=draw.randint(3, 7))
    return [first, *(Step(draw.uniform(0.2, SPAN_S), act, draw.uniform(2.0, 8.0), *_power(draw)) for act in acts)]


def _power(draw: Random) -> tuple[float, str]:
    signal = draw.choice(SIGNALS)
    kw = draw.uniform(8.0, 60.0)
    down = signal == "MA" and draw.random() < 0.3
    return round(-kw if down else kw, 1), signal


def _faults(draw: Random) -> list[Step]:
    acts = draw.choices(FAULTS, k=draw.randint(2, 5))
    return [
        Step(draw.uniform(0.1, SPAN_S), act, draw.uniform(2.0, 5.0) if draw.random() < _GENTLE else draw.uniform(0.1, 1.5)) for act in acts
    ]


def _orders(draw: Random) -> tuple[Orders, ...]:
    """For up to three engine processes in a row."""
    clock: tuple[tuple[float, float], ...] = ()
    if draw.random() < 0.15:
        clock = ((draw.uniform(3.0, 8.0), draw.choice((3.0, -3.0, 20.0, -20.0, 3600.0, -3600.0))),)
    kills = [*draw.choices(list(POINTS), k=draw.choice((0, 1, 1, 2)))]
    orders = [Orders(kill_at=name, kill_after=draw.choice((1, 1, 2, 5)), clock=clock) for name in kills] or [Orders(clock=clock)]
    return tuple(orders)
