"""One linear or convex quadratic programme, given to HiGHS; highspy is imported when the first one is solved."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.vehicle import F8

if TYPE_CHECKING:
    import highspy

Index = NDArray[np.intp]
_FEASIBILITY_KW = 1e-7


class SolverFailedError(RuntimeError):
    """HiGHS gave no answer: out of time, or numerical trouble. The message says which."""


class InfeasibleProgrammeError(ValueError):
    """No x satisfies all bounds and rows."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A sparse matrix of m rows as triplets (`row`, `column`, `value`), and bounds `least <= A x <= most` (m)."""

    row: Index
    column: Index
    value: F8
    least: F8
    most: F8

    def sums(self, x: F8) -> F8:
        """A x."""
        return np.bincount(self.row, weights=self.value * x[self.column], minlength=len(self.least)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Programme:
    """min cost' x + 1/2 sum square x^2 over `lower <= x <= upper` and `rows`; `square` >= 0 (n), or None for a linear one."""

    cost: F8
    square: F8 | None
    lower: F8
    upper: F8
    rows: Rows


@dataclass(frozen=True, slots=True)
class Solved:
    """The optimal `x` (n), the multiplier of each row (m; 0 where a row doesn't bind), and the seconds it took."""

    x: F8
    multiplier: F8
    spent_s: float


def solve(programme: Programme, time_limit_s: float) -> Solved:
    """The optimum. Raises InfeasibleProgrammeError where there is none, SolverFailedError after `time_limit_s` or for any other cause."""
    import highspy

    class Silent(highspy.Highs):
        def enableCallbacks(self) -> None:
            """None are used; installing them prints a banner on the operator's screen."""

    if time_limit_s <= 0.0:
        raise SolverFailedError("no time left for the solver")
    solver = Silent()  # type: ignore[no-untyped-call]  # the binding has no annotations here
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("time_limit", time_limit_s)
    solver.setOptionValue("primal_feasibility_tolerance", _FEASIBILITY_KW)
    solver.passModel(_model(programme))
    solver.run()
    status = solver.getModelStatus()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        raise InfeasibleProgrammeError
    if status == highspy.HighsModelStatus.kTimeLimit:
        raise SolverFailedError(f"no optimum within {time_limit_s:.3g} s for {len(programme.cost)} variables")
    if status != highspy.HighsModelStatus.kOptimal:
        raise SolverFailedError(f"the solver ended with: {solver.modelStatusToString(status)}")
    solution = solver.getSolution()
    x = np.clip(np.array(solution.col_value, np.float64), programme.lower, programme.upper)
    return Solved(x, np.array(solution.row_dual, np.float64), float(solver.getRunTime()))


def _model(programme: Programme) -> "highspy.HighsModel":
    """The programme in the solver's words."""
    import highspy

    n, rows = len(programme.cost), programme.rows
    model = highspy.HighsModel()
    lp = model.lp_
    lp.num_col_, lp.num_row_ = n, len(rows.least)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = programme.cost, programme.lower, programme.upper
    lp.row_lower_, lp.row_upper_ = rows.least, rows.most
    order = np.argsort(rows.column, kind="stable")
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate(([0], np.cumsum(np.bincount(rows.column, minlength=n)))).astype(np.int32)
    lp.a_matrix_.index_ = rows.row[order].astype(np.int32)
    lp.a_matrix_.value_ = rows.value[order]
    if programme.square is not None:
        model.hessian_.dim_ = n
        model.hessian_.format_ = highspy.HessianFormat.kTriangular
        model.hessian_.start_ = np.arange(n + 1, dtype=np.int32)
        model.hessian_.index_ = np.arange(n, dtype=np.int32)
        model.hessian_.value_ = programme.square
    return model
