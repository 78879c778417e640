"""Changing a dispatch under way: a new target, approached along its course with few moves, and one more try for the silent."""

import math
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import AllocationError
from v2g_console.allocation.shaping import Course
from v2g_console.allocation.swing import Swing, swing
from v2g_console.contract.replies import Refusal
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.expected import believe
from v2g_console.engine.placing import place, rest_of
from v2g_console.engine.planning import Decision, decide
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.rounds import send_round
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
    if not math.isfinite(power_kw):
        raise RefusalError(Refusal.INVALID, f"power_kw must be a number, got {power_kw:g}", "cancel ends a dispatch")
    if power_kw:
        power_kw = check(rest_of(core, running, power_kw), core.settings, core.clock.utc()).target_kw
    before = running.target_kw, running.course
    course = running.course or course_of(core, running.commanded_kw, running.commanded_kw)
    running.target_kw, running.course = power_kw, course.towards(power_kw, core.clock.monotonic())
    newest = running.course
    try:
        await follow(core, running)
    except RefusalError:
        if running.course is newest:  # nobody moved it further meanwhile: a refused target is none
            running.target_kw, running.course = before
        raise


def course_of(core: Core, from_kw: float, to_kw: float) -> Course:
    """The way to a target by the configured activation time and ramp, from now on."""
    dispatch = core.settings.dispatch
    return Course(from_kw, to_kw, core.clock.monotonic(), dispatch.full_activation_s, dispatch.ramp_kw_per_s or math.inf)


def first_step(core: Core, decision: Decision, fields: DispatchFields) -> tuple[Decision, Course | None]:
    """What a new dispatch sends at once, and its course: all of it unless the target is approached slowly, else the first second's part."""
    course = course_of(core, 0.0, decision.target_kw)
    now, step_s = core.clock.monotonic(), STEP_S
    while now + step_s < course.arrives_s():
        first = decide(core, msgspec.structs.replace(fields, power_kw=course.at(now + step_s)))
        if first.used.any():
            return first, course
        step_s *= 2.0  # so little that nobody can give it: more at once
    return decision, None


def course_due(core: Core, running: Running, now: float) -> bool:
    """True while the course is under way and has moved on by more than the dead-band."""
    return (
        running.course is not None
        and running.outcome is None
        and running.state in (DispatchState.AWAITING_ACKS, DispatchState.ACTIVE)
        and not running.moving
        and now >= running.follow_at
        and core.link_up()
        and abs(running.course.at(now) - running.commanded_kw) > _dead_band_kw(running.course.to_kw)
    )


async def follow(core: Core, running: Running) -> None:
    """Move to where the course is now: a swing set of vehicles goes there, the others stay. Newest wins."""
    assert running.course is not None
    wanted_kw = running.course.at(core.clock.monotonic())
    if abs(wanted_kw - running.commanded_kw) <= _dead_band_kw(wanted_kw) and wanted_kw != running.course.to_kw:
        return
    running.follow_at = core.clock.monotonic() + STEP_S  # also after a decision that is refused
    before_kw, setpoint_kw = running.commanded_kw, running.setpoint_kw.copy()
    positions = _swing(core, running, wanted_kw)
    running.commanded_kw = wanted_kw
    running.reallocate_at = core.clock.monotonic() + 2 * core.settings.dispatch.response_s
    if len(positions):
        running.moving = True
        try:
            await _send(core, running, positions)
        except RefusalError:  # nothing was published: they are where they were
            unsent = positions[(running.command_state[positions] == CommandState.DROPPED) & (positions < len(setpoint_kw))]
            running.setpoint_kw[unsent] = setpoint_kw[unsent]
            if running.commanded_kw == wanted_kw:
                running.commanded_kw = before_kw
            raise
        finally:
            running.moving = False


def _dead_band_kw(target_kw: float) -> float:
    return max(DEAD_BAND_KW, DEAD_BAND_SHARE * abs(target_kw))


def _swing(core: Core, running: Running, wanted_kw: float) -> NDArray[np.intp]:
    """Decide the moves and write them into the columns; returns the positions to send. Raises RefusalError."""
    decision = decide(core, rest_of(core, running, wanted_kw), own_slot=running.slot)
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
    try:
        found = _moves(core, decision, rows, wanted_kw - fixed_kw, setpoint_kw[rows])
    except (AllocationError, ValueError) as error:
        raise RefusalError(Refusal.INVALID, str(error)) from error
    moved = rows[found.moved]
    return place(core, running, moved, found.setpoint_kw, decision.allocation.score[moved], decision.vehicles)


def _moves(core: Core, decision: Decision, rows: NDArray[np.intp], target_kw: float, setpoint_kw: NDArray[np.float64]) -> Swing:
    """The moves of the fleet's `rows` towards `target_kw`; who is no longer eligible stays where he is."""
    low_kw, high_kw = decision.situation.bounds_kw()
    vehicles = decision.vehicles
    out = ~decision.situation.problem.eligible
    low_kw, high_kw = np.where(out, np.nan, low_kw), np.where(out, np.nan, high_kw)
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
        raise RefusalError(Refusal.WRONG_STATE, f"{running.short_id}: nobody is silent", "retry is for vehicles that did not answer")
    await _send(core, running, positions)


async def _send(core: Core, running: Running, positions: NDArray[np.intp]) -> None:
    running.reason[positions] = Reason.NONE
    try:
        await send_round(core, running, positions, "update")
    except JournalError as error:
        raise RefusalError(Refusal.JOURNAL, f"the journal did not take the round: {error}") from error
