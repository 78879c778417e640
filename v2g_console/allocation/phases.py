"""What is no tree: limits of each phase of a site, with one- and three-phase vehicles mixed, as a sparse programme for HiGHS.

A three-phase vehicle is under all three limits with a third each, a one-phase vehicle under one of them: such limits cross, and no
tree describes them. `merit` becomes a linear programme, all other allocators the quadratic one that the primitive solves on trees.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from v2g_console.allocation import curves
from v2g_console.allocation.allocate import allocate
from v2g_console.allocation.answer import answer
from v2g_console.allocation.explain import reasons
from v2g_console.allocation.minpower import Segments, fill_around_holes, segments
from v2g_console.allocation.phase_limits import TOLERANCE_KW, PhaseInfeasibleError, PhaseLimits, outside, phase_room
from v2g_console.allocation.problem import MICROWATT_KW, Allocation, Problem, usable_headroom_kw
from v2g_console.allocation.programme import InfeasibleProgrammeError, Programme, Rows, solve
from v2g_console.allocation.shapes import Plan
from v2g_console.allocation.tree import Nodes, no_room, room_for
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8, Bool

_NOTHING_KW: Final = 1e-7
_SLACK_KW: Final = 5e-7
"""Above the solver's tolerance, so that the largest sum it found stays feasible when it is asked for again."""
_BINDS: Final = 1e-9
"""A multiplier above this is one of a limit that binds."""


def allocate_phases(name: str, problem: Problem, limits: PhaseLimits, *, time_limit_s: float = 1.0) -> Allocation:
    """As `allocate`, with the phase limits kept too. Exact but for minimum powers, which are treated as everywhere.

    Where no phase binds no solver is asked. Vehicles alike in score, node, site and phases share by headroom in the linear programme.
    Raises what `allocate` raises, PhaseInfeasibleError, and SolverFailedError after `time_limit_s` or for numerical trouble. The quadratic
    programme is for some hundreds of vehicles, the linear one for ten thousands.
    """
    easy = allocate(name, problem)
    room = phase_room(problem, limits)
    if not outside(room, np.abs(easy.regulation_kw)).any():
        return easy
    headroom_kw = usable_headroom_kw(problem)
    plan = curves.ALLOCATORS[name](problem, headroom_kw)
    rows = np.flatnonzero(headroom_kw > 0.0)
    network = _network(problem, limits, room, rows)
    solver = _Solver(abs(problem.target_kw), plan, rows, network, limits, linear=name in {"merit", "lp"}, left_s=time_limit_s)
    powers_kw, held = np.zeros(len(headroom_kw)), np.zeros(len(headroom_kw), np.bool_)
    ranges = segments(problem.vehicles, rows, headroom_kw[rows], problem.direction)
    powers_kw[rows], held[rows] = _around_holes(plan.score[rows], ranges, solver)
    code = reasons(problem, headroom_kw, powers_kw, held, np.full(len(headroom_kw), -1, np.intp))
    less = powers_kw[rows] < headroom_kw[rows] - MICROWATT_KW
    for names, reason in ((network.phase_rows, Reason.SITE_LIMIT), *network.tree_rows):
        code[rows[less & ~held[rows] & solver.under(names)]] = reason
    held_by = np.full(len(headroom_kw), -1, np.intp)
    held_by[rows] = solver.held_by()
    return answer(problem, plan, powers_kw, code, exact_to_kw=TOLERANCE_KW, places=network.names, held_by=held_by)


@dataclass(frozen=True, slots=True)
class _Network:
    """All rows over the usable vehicles: row 0 their sum, then the nodes of the tree, then the phases."""

    rows: Rows
    phase_rows: Bool  # which rows belong to phases
    tree_rows: tuple[tuple[Bool, Reason], ...]  # and which to sites and feeders
    alike: Nodes  # usable vehicles with the same number have the same column
    names: tuple[str, ...]


def _network(problem: Problem, limits: PhaseLimits, room: Rows, rows: Nodes) -> _Network:
    position = np.full(len(problem.vehicles), -1, np.intp)
    position[rows] = np.arange(len(rows))
    tree, n = problem.tree, len(rows)
    baseline = np.where(problem.eligible, np.nan_to_num(problem.vehicles.baseline_kw), 0.0)
    above = no_room(len(problem.vehicles)) if tree is None else room_for(tree, baseline, problem.direction)
    nodes = len(above.least_kw)
    row, column, value = [np.zeros(n, np.intp)], [np.arange(n)], [np.ones(n)]
    for level in above.levels[:, rows]:
        below = np.flatnonzero(level >= 0)
        row, column, value = [*row, 1 + level[below]], [*column, below], [*value, np.ones(len(below))]
    taking = position[room.column] >= 0
    row, column, value = [*row, 1 + nodes + room.row[taking]], [*column, position[room.column[taking]]], [*value, room.value[taking]]
    every = Rows(
        np.concatenate(row),
        np.concatenate(column),
        np.concatenate(value),
        np.concatenate(([0.0], above.least_kw, room.least)),
        np.concatenate(([np.inf], above.most_kw, room.most)),
    )
    empty = np.bincount(every.row, minlength=len(every.least)) == 0
    every = Rows(every.row, every.column, every.value, np.where(empty, -np.inf, every.least), np.where(empty, np.inf, every.most))
    number = np.arange(len(every.least))
    is_site = np.zeros(0, np.bool_) if tree is None else tree.is_site
    site_rows = np.concatenate(([False], is_site, np.zeros(len(room.least), np.bool_)))
    anywhere = limits.anywhere[rows] & (limits.site_of[rows] >= 0)  # what they count for differs from one to the next
    alone = np.where(anywhere, np.arange(n), -1)
    node_of = -1 if tree is None else tree.node_of[rows]
    signature = np.column_stack((node_of + np.zeros(n), limits.site_of[rows], limits.share[rows], alone))
    return _Network(
        rows=every,
        phase_rows=number > nodes,
        tree_rows=((site_rows, Reason.SITE_LIMIT), ((number > 0) & (number <= nodes) & ~site_rows, Reason.NODE_LIMIT)),
        alike=np.unique(signature, axis=0, return_inverse=True)[1].reshape(-1),
        names=(
            "the sum",
            *(() if tree is None else tree.names),
            *limits.places,
            *limits.places,
        ),
    )


class _Solver:
    """Solves the programme within changing bounds, and remembers which rows bound the last time."""

    def __init__(
        self, target_kw: float, plan: Plan, rows: Nodes, network: _Network, limits: PhaseLimits, *, linear: bool, left_s: float
    ) -> None:
        self.target_kw = target_kw
        self._slope, self._start, self._score = plan.curves.slope[rows], plan.curves.start[rows], plan.score[rows]
        self._network, self._linear, self._left_s = network, linear, left_s
        self._binding = np.zeros(len(network.rows.least), np.bool_)

    def __call__(self, lower_kw: F8, upper_kw: F8) -> F8:
        """Powers in kW whose sum is as near the target as all limits allow, and best among those."""
        if self._linear:
            return self._merged(lower_kw, upper_kw)
        rows = self._network.rows
        sum_kw = self._reach(rows, lower_kw, upper_kw)
        return self._best(Programme(self._start, 1.0 / self._slope, lower_kw, upper_kw, _with_sum(rows, sum_kw)))

    def under(self, chosen: Bool) -> Bool:
        """Which vehicles are under one of the `chosen` rows that bound."""
        rows = self._network.rows
        under = np.zeros(len(self._slope), np.bool_)
        under[rows.column[(chosen & self._binding)[rows.row]]] = True
        return under

    def held_by(self) -> Nodes:
        """A row that bound above each vehicle, -1 for none; a site's or feeder's before a phase's."""
        rows = self._network.rows
        held = np.full(len(self._slope), -1, np.intp)
        told = np.flatnonzero(self._binding[rows.row] & (rows.row > 0))[::-1]
        held[rows.column[told]] = rows.row[told]
        return held

    def _merged(self, lower_kw: F8, upper_kw: F8) -> F8:
        """The linear programme with one variable for vehicles that are alike, who then share by what is between their bounds."""
        rank = np.unique(self._score, return_inverse=True)[1]
        _, first, group = np.unique(
            rank * (self._network.alike.max(initial=0) + 1) + self._network.alike, return_index=True, return_inverse=True
        )
        of_first = np.full(len(group), -1, np.intp)
        of_first[first] = np.arange(len(first))
        rows = self._network.rows
        kept = of_first[rows.column] >= 0
        merged = Rows(rows.row[kept], of_first[rows.column[kept]], rows.value[kept], rows.least, rows.most)
        low, high = _sums(group, lower_kw), _sums(group, upper_kw)
        sum_kw = self._reach(merged, low, high)
        x = self._best(Programme(-self._score[first], None, low, high, _with_sum(merged, sum_kw)))
        part = np.divide(x - low, high - low, out=np.zeros(len(x)), where=high > low)
        spread: F8 = np.clip(lower_kw + (upper_kw - lower_kw) * part[group], lower_kw, upper_kw)
        return spread

    def _reach(self, rows: Rows, lower_kw: F8, upper_kw: F8) -> float:
        """The largest sum up to the target that the limits allow."""
        ones = np.ones(len(lower_kw))
        return min(self.target_kw, float(self._solve(Programme(-ones, None, lower_kw, upper_kw, _with_most(rows, self.target_kw))).sum()))

    def _best(self, programme: Programme) -> F8:
        """The best powers of a given sum. If that is less than the target, every limit that is reached stands in its way."""
        try:
            x = self._solve(programme)
        except PhaseInfeasibleError:  # by a rounding error: the sum is the largest there is
            x = self._solve(replace(programme, rows=_with_slack(programme.rows)))
        if programme.rows.most[0] < self.target_kw - TOLERANCE_KW:
            self._binding = programme.rows.sums(x) > programme.rows.most - TOLERANCE_KW
        return x

    def _solve(self, programme: Programme) -> F8:
        try:
            solved = solve(programme, self._left_s)
        except InfeasibleProgrammeError:
            raise PhaseInfeasibleError(self._culprit(programme)) from None
        self._left_s -= solved.spent_s
        self._binding = np.abs(solved.multiplier) > _BINDS
        return np.where(solved.x < _NOTHING_KW, programme.lower, solved.x)

    def _culprit(self, programme: Programme) -> str:
        """The first row that can't be met by itself, in words."""
        rows = programme.rows
        least, most = rows.sums(programme.lower), rows.sums(programme.upper)
        for k in np.flatnonzero((least > rows.most + TOLERANCE_KW) | (most < rows.least - TOLERANCE_KW)):
            wanted = _range_words(float(rows.least[k]), float(rows.most[k]))
            return f"at {self._network.names[k]}: regulation must be {wanted} kW there, its vehicles can do {least[k]:.1f} to {most[k]:.1f}"
        return f"between several phases: no regulation up to {self.target_kw:.1f} kW keeps all limits at once"


def _range_words(least: float, most: float) -> str:
    if not np.isfinite(most):
        return f"at least {least:.1f}"
    return f"{least:.1f} to {most:.1f}" if np.isfinite(least) else f"at most {most:.1f}"


def _with_most(rows: Rows, sum_kw: float) -> Rows:
    most = rows.most.copy()
    most[0] = sum_kw
    return Rows(rows.row, rows.column, rows.value, rows.least, most)


def _with_sum(rows: Rows, sum_kw: float) -> Rows:
    least, most = rows.least.copy(), rows.most.copy()
    least[0] = most[0] = sum_kw
    return Rows(rows.row, rows.column, rows.value, least, most)


def _with_slack(rows: Rows) -> Rows:
    least = rows.least.copy()
    least[0] -= _SLACK_KW
    return Rows(rows.row, rows.column, rows.value, least, rows.most)


def _sums(group: Nodes, values: F8) -> F8:
    return np.bincount(group, weights=values).astype(np.float64)


def _around_holes(score: F8, ranges: Segments, solver: _Solver) -> tuple[F8, Bool]:
    """Powers outside all holes; where lifting vehicles over theirs breaks a limit, all stay at the lower edge."""
    n = len(score)
    ideal = solver(np.zeros(n), ranges.upper[2])
    if ranges.whole:
        return ideal, np.zeros(n, np.bool_)
    try:
        # Only what the phases let through may be offered to vehicles below a hole.
        return fill_around_holes(float(ideal.sum()), score, ranges, no_room(n), solver)
    except PhaseInfeasibleError:
        ideal = solver(np.zeros(n), ranges.upper[2])
    begun = ranges.lower <= ideal + MICROWATT_KW
    side = np.where(begun[2], 2, np.where(begun[1], 1, 0))
    rows = np.arange(n)
    powers = solver(np.minimum(ranges.lower[side, rows], ideal), ranges.upper[side, rows])
    return powers, (powers >= ranges.upper[side, rows] - MICROWATT_KW) & (ideal > powers + MICROWATT_KW)
