"""Independent answers by HiGHS for small problems: linear and quadratic programmes over the same bounds and nodes."""

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]


@dataclass(frozen=True)
class Programme:
    """min 1/2 x' diag(square) x + cost' x with 0 <= x <= upper, row sums `rows` x within bounds; `rows` is 0/1, dense."""

    cost: F8
    square: F8 | None
    upper: F8
    rows: F8
    row_low: F8
    row_high: F8


def solve(programme: Programme) -> F8 | None:
    """The optimal x, or None if infeasible."""
    n, m = len(programme.cost), len(programme.rows)
    model = highspy.HighsModel()
    lp = model.lp_
    lp.num_col_, lp.num_row_ = n, m
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = programme.cost, np.zeros(n), programme.upper
    lp.row_lower_, lp.row_upper_ = programme.row_low, programme.row_high
    where = [np.flatnonzero(row) for row in programme.rows]
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.cumsum([0, *(len(columns) for columns in where)]).astype(np.int32)
    lp.a_matrix_.index_ = np.concatenate([*where, np.zeros(0, np.intp)]).astype(np.int32)
    lp.a_matrix_.value_ = np.ones(len(lp.a_matrix_.index_))
    if programme.square is not None:
        model.hessian_.dim_ = n
        model.hessian_.format_ = highspy.HessianFormat.kTriangular
        model.hessian_.start_ = np.arange(n + 1, dtype=np.int32)
        model.hessian_.index_ = np.arange(n, dtype=np.int32)
        model.hessian_.value_ = programme.square
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # the binding has no annotations here
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.passModel(model)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return np.array(solver.getSolution().col_value)
