"""Changing a dispatch under way: a new target, approached along its course with few moves, and one more try for the silent."""

import math
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import AllocationError
from v2g_console.allocation.shaping import Course, RampBounds
from v2g_console.allocation.swing import Swing, swing
from v2g_console.contract.replies import Refusal
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.bounds import bounded_kw
from v2g_console.engine.core import Core
from v2g_console.engine.deliberate import deliberate
from v2g_console.engine.dispatch import Running
from v2g_console.engine.expected import believe
from v2g_console.engine.guard import pass_interlocks, within_pace
from v2g_console.engine.interlocks import Step
from v2g_console.engine.phase_moves import all_to_their_shares, let_through, up_to_fair_share
from v2g_console.engine.placing import place, rest_of
from v2g_console.engine.planning import USED_KW, Decision, decide, left_out
from v2g_console.engine.ramps import RAMP_STEP_S, first_reach, with_ramp, within_reach
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.rounds import dispatch_record, send_round
from v2g_console.engine.setpoint_gate import pass_again
from v2g_console.engine.wanted import check
from v2g_console.journal.port import JournalError

STEP_S = 1.0  # a course under way is followed in steps of this length
DEAD_BAND_KW = 1.0
DEAD_BAND_SHARE = 0.005
_REPEATABLE = (CommandState.TIMED_OUT, CommandState.FAILED, CommandState.DROPPED)


async def retarget(core: Core, running: Running, power_kw: float) -> None:
    """Give the dispatch a new target: at once, or along the configured activation time and ramp. Within the dead-band nothing is sent.

    Raises RefusalError.
    """
    power_kw = check_target(core, running, power_kw)
    change = running.targets.begin((running.target_kw, running.course))
    course = running.course or course_of(core, running.commanded_kw, running.commanded_kw)
    running.target_kw, running.course = power_kw, course.towards(power_kw, core.clock.monotonic())
    try:
        await follow(core, running)
    except RefusalError:  # a refused target is none
        running.target_kw, running.course = running.targets.refused(change, (running.target_kw, running.course))
        raise
    running.targets.carried_out(change)
    if running.recorded_kw != running.target_kw:  # so near that nothing was sent: a restart goes on to it all the same
        core.note(dispatch_record(running, core.utc_ms()))


def check_target(core: Core, running: Running, power_kw: float) -> float:
    """The target with the sign that the signal gives it. Raises RefusalError for one that the dispatch can't have."""
    if not math.isfinite(power_kw):
        raise RefusalError(Refusal.INVALID, f"power_kw must be a number, got {power_kw:g}", "cancel ends a dispatch")
    if power_kw:
        power_kw = check(rest_of(core, running, power_kw), core.settings, core.clock.utc()).target_kw
    pass_interlocks(core, Step.UPDATE, power_kw, own=running)
    return power_kw


def course_of(core: Core, from_kw: float, to_kw: float) -> Course:
    """The way to a target by the configured activation time and ramp, from now on."""
    dispatch = core.settings.dispatch
    return Course(from_kw, to_kw, core.clock.monotonic(), dispatch.full_activation_s, dispatch.ramp_kw_per_s or math.inf)


@dataclass(frozen=True, slots=True)
class FirstStep:
    """What a new dispatch sends at once, and the course it is on (None: nothing is left to approach).

    `waits_kw` is the regulation (signed) that vehicles give only later, by their ramps.
    """

    decision: Decision
    course: Course | None
    waits_kw: float


def first_step(core: Core, decision: Decision, fields: DispatchFields, slot: int) -> FirstStep:
    """All of a decision unless the target is approached slowly, else the first second's part; less what the vehicles' ramps don't allow."""
    course = course_of(core, 0.0, decision.target_kw)
    now, step_s, under_way = core.clock.monotonic(), STEP_S, False
    while not under_way and now + step_s < course.arrives_s():
        first = decide(core, msgspec.structs.replace(fields, power_kw=course.at(now + step_s)), own_slot=slot)
        if first.used.any():
            decision, under_way = first, True
        step_s *= 2.0  # so little that nobody can give it: more at once
    reached, waits_kw = first_reach(core, decision)
    return FirstStep(reached, course if under_way or waits_kw else None, waits_kw)


def course_due(core: Core, running: Running, now: float) -> bool:
    """True while the course is under way and has moved on by more than the dead-band."""
    return (
        running.course is not None
        and running.outcome is None
        and running.state in (DispatchState.AWAITING_ACKS, DispatchState.ACTIVE)
        and not running.moving
        and now >= running.follow_at
        and now >= core.journal_again_at
        and core.link_up()
        and (running.ramping or abs(running.course.at(now) - running.commanded_kw) > _dead_band_kw(running.course.to_kw))
    )


async def follow(core: Core, running: Running) -> None:
    """Move to where the course is now: a swing set of vehicles goes there, the others stay. Newest wins."""
    assert running.course is not None
    wanted_kw = within_pace(core, running.commanded_kw, running.course.at(core.clock.monotonic()))
    if abs(wanted_kw - running.commanded_kw) <= _dead_band_kw(wanted_kw) and wanted_kw != running.course.to_kw and not running.ramping:
        return
    now = core.clock.monotonic()
    running.follow_at = now + STEP_S  # also after a decision that is refused
    course = running.course
    decision = await _decided(core, running, wanted_kw)
    if running.course is not course:
        return  # a newer target overtook this one
    moves = _swing(core, running, decision, wanted_kw)
    running.ramping = moves.waits_kw != 0.0
    running.follow_at = now + (RAMP_STEP_S if running.ramping and wanted_kw == running.course.to_kw else STEP_S)
    step = running.steps.begin(running.commanded_kw)
    running.commanded_kw = wanted_kw - moves.waits_kw
    running.reallocate_at = now + 2 * core.settings.dispatch.response_s
    if len(moves.positions):
        running.moving += 1
        try:
            await _send(core, running, moves.positions, moves.reason)
        except RefusalError:  # nothing was published: they are where they were
            running.commanded_kw = running.steps.refused(step, running.commanded_kw)
            raise
        finally:
            running.moving -= 1
    running.steps.carried_out(step)


def _dead_band_kw(target_kw: float) -> float:
    return max(DEAD_BAND_KW, DEAD_BAND_SHARE * abs(target_kw))


@dataclass(frozen=True, slots=True)
class _Moves:
    """Positions (k) to send a setpoint, with the reason where it is less than wanted; `waits_kw`: signed regulation that ramps put off."""

    positions: NDArray[np.intp]
    reason: NDArray[np.uint8]
    waits_kw: float


async def _decided(core: Core, running: Running, wanted_kw: float) -> Decision:
    """The fair shares of `wanted_kw`; where phases of sites bind they come from the solver, a while later. Raises RefusalError."""
    running.moving += 1
    try:
        decision = await deliberate(core, rest_of(core, running, wanted_kw), own_slot=running.slot)
    finally:
        running.moving -= 1
    if not running.sends or core.stop.stopped:
        raise RefusalError(Refusal.WRONG_STATE, f"{running.short_id} ended while it was decided")
    return decision


@dataclass(frozen=True, slots=True)
class _Found:
    """The fleet's rows (k) that move, and where to; who is held back by its ramp (n); `waits_kw` as of `_Moves`."""

    rows: NDArray[np.intp]
    setpoint_kw: NDArray[np.float64]
    slow: NDArray[np.bool_]
    waits_kw: float


def would_move(core: Core, running: Running, decision: Decision, wanted_kw: float) -> int:
    """How many vehicles would get another setpoint if the dispatch went to `wanted_kw` in one step. Raises RefusalError."""
    return len(_found(core, running, decision, wanted_kw).rows)


def _swing(core: Core, running: Running, decision: Decision, wanted_kw: float) -> _Moves:
    """Decide the moves and write them into the columns. Raises RefusalError."""
    found = _found(core, running, decision, wanted_kw)
    _explain(core, running, decision, found.slow, found.waits_kw)
    positions = place(core, running, found.rows, found.setpoint_kw, decision.allocation.score[found.rows], decision.vehicles)
    # `positions` are in the order of `place`: vehicles held before, then new ones.
    reason = np.where(found.slow[running.rows[positions]], Reason.RAMP, Reason.NONE).astype(np.uint8)
    return _Moves(positions, reason, found.waits_kw)


def _found(core: Core, running: Running, decision: Decision, wanted_kw: float) -> _Found:
    """Decide the moves; changes nothing. Raises RefusalError."""
    belief = believe(core, running)
    free = belief.holds & ~belief.silent & ~belief.refused & ~belief.off
    fixed_kw = float(np.sum(belief.regulation_kw[~free]))
    n = len(decision.vehicles)
    candidates = np.zeros(n, np.bool_)
    candidates[decision.rows] = True
    candidates[running.rows[belief.holds & ~free]] = False
    candidates[running.rows[free]] = True
    rows = np.flatnonzero(candidates)
    setpoint_kw = decision.vehicles.baseline_kw.copy()
    setpoint_kw[running.rows[free]] = running.setpoint_kw[free]
    low_kw, high_kw, reach = _range_kw(core, running, decision)
    low_kw, high_kw = up_to_fair_share(core, decision, setpoint_kw, low_kw, high_kw)
    try:
        if decision.phases_bind:
            found = all_to_their_shares(decision, rows, setpoint_kw[rows], low_kw[rows], high_kw[rows], wanted_kw - fixed_kw)
        else:
            found = _moves(core, decision, rows, wanted_kw - fixed_kw, setpoint_kw[rows], low_kw, high_kw)
    except (AllocationError, ValueError) as error:
        raise RefusalError(Refusal.INVALID, str(error)) from error
    moved = rows[found.moved]
    through = let_through(core, moved, found.setpoint_kw, setpoint_kw[moved], decision.vehicles.baseline_kw[moved])
    moved, found = through.rows, replace(found, setpoint_kw=through.setpoint_kw, residual_kw=found.residual_kw + through.waits_kw)
    slow, waits_kw = np.zeros(n, np.bool_), 0.0
    if reach is not None and abs(found.residual_kw) > _dead_band_kw(wanted_kw):
        setpoint_kw[moved] = found.setpoint_kw
        direction = 1 if found.residual_kw > 0 else -1
        at_its_ramp = setpoint_kw >= reach.high_kw - USED_KW if direction > 0 else setpoint_kw <= reach.low_kw + USED_KW
        slow = candidates & at_its_ramp & (reach.reason(direction) == Reason.RAMP)
        waits_kw = found.residual_kw if slow.any() else 0.0
    if not waits_kw and len(moved) and abs(through.waits_kw) > _dead_band_kw(wanted_kw):
        waits_kw = through.waits_kw  # room is being made: on at the next step
    return _Found(moved, found.setpoint_kw, slow, waits_kw)


def _explain(core: Core, running: Running, decision: Decision, slow: NDArray[np.bool_], waits_kw: float) -> None:
    """What limits the dispatch now, who is left out, and which of its vehicles are held back by their ramp (`slow`, n)."""
    running.limits = tuple((reason.name, kw) for reason, kw in with_ramp(decision.allocation.limits, waits_kw))
    running.left_out = left_out(decision)
    held = running.held(core.fleet.owner)
    running.reason[held & (running.reason == Reason.RAMP)] = Reason.NONE
    running.reason[held & (running.reason == Reason.NONE) & slow[running.rows]] = Reason.RAMP
    core.fleet.reason[running.rows[held]] = running.reason[held]


def _range_kw(core: Core, running: Running, decision: Decision) -> tuple[NDArray[np.float64], NDArray[np.float64], RampBounds | None]:
    """Lowest and highest setpoint of each vehicle of the fleet (n) now, by battery, `v1_max_kw`, corrections and ramps.

    NaN for those who stay where they are.
    """
    vehicles, problem = decision.vehicles, decision.situation.problem
    low_kw, high_kw = decision.situation.bounds_kw()
    if core.settings.dispatch.v1_max_kw:
        v1, direction = core.fleet.protocol[: len(vehicles)] < 2, problem.direction
        most_kw = vehicles.baseline_kw + direction * problem.headroom_kw
        high_kw = np.where(v1 & (direction > 0), np.minimum(high_kw, most_kw), high_kw)
        low_kw = np.where(v1 & (direction < 0), np.maximum(low_kw, most_kw), low_kw)
    held = np.flatnonzero(running.held(core.fleet.owner))
    rows = running.rows[held]
    low_kw, high_kw = low_kw.copy(), high_kw.copy()
    low_kw[rows], high_kw[rows] = bounded_kw(running, held, low_kw[rows], high_kw[rows], core.clock.monotonic())
    reach = within_reach(core, running, vehicles, low_kw, high_kw)
    if reach is not None:
        low_kw, high_kw = reach.low_kw, reach.high_kw
    stays = ~problem.eligible
    return np.where(stays, np.nan, low_kw), np.where(stays, np.nan, high_kw), reach


def _moves(
    core: Core,
    decision: Decision,
    rows: NDArray[np.intp],
    target_kw: float,
    setpoint_kw: NDArray[np.float64],
    low_kw: NDArray[np.float64],
    high_kw: NDArray[np.float64],
) -> Swing:
    """The moves of the fleet's `rows` (k) towards `target_kw`, from `setpoint_kw` (k), within `low_kw..high_kw` (n)."""
    vehicles = decision.vehicles
    deciding = np.zeros(len(vehicles), np.bool_)
    deciding[rows] = True
    tree = decision.situation.with_others(core, deciding).tree
    return swing(
        target_kw,
        setpoint_kw,
        vehicles.baseline_kw[rows],
        low_kw[rows],
        high_kw[rows],
        decision.allocation.regulation_kw[rows],
        min_charge_kw=vehicles.min_charge_kw[rows],
        min_discharge_kw=vehicles.min_discharge_kw[rows],
        tree=None if tree is None else replace(tree, node_of=tree.node_of[rows]),
    )


async def retry_silent(core: Core, running: Running) -> None:
    """A new command, with the same setpoint, to every vehicle that did not answer."""
    positions = np.flatnonzero(np.isin(running.command_state, _REPEATABLE) & running.held(core.fleet.owner))
    if not len(positions):
        given_up = int(np.count_nonzero(np.isin(running.command_state, _REPEATABLE)))
        if given_up:
            detail = "update the target to ask again: who is free and trusted may then be taken"
            raise RefusalError(Refusal.WRONG_STATE, f"{running.short_id}: the silent vehicles were already given up and released", detail)
        raise RefusalError(Refusal.WRONG_STATE, f"{running.short_id}: nobody is silent", "retry is for vehicles that did not answer")
    pass_interlocks(core, Step.RETRY, running.target_kw, own=running)
    positions = pass_again(core, running, positions)
    await _send(core, running, positions, np.full(len(positions), Reason.NONE, np.uint8))


async def _send(core: Core, running: Running, positions: NDArray[np.intp], reason: NDArray[np.uint8]) -> None:
    try:
        await send_round(core, running, positions, "update", reason=reason)
    except JournalError as error:
        raise RefusalError(Refusal.JOURNAL, f"the journal did not take the round: {error}") from error
