"""Why a vehicle got what it got, and what stands between the target and the result."""

import numpy as np

from v2g_console.allocation.problem import MICROWATT_KW, Problem
from v2g_console.allocation.tree import Nodes
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8, U1, Bool


def reasons(problem: Problem, headroom_kw: F8, powers_kw: F8, held: Bool, node: Nodes) -> U1:
    """Reason codes of n vehicles; `held` are those kept back by a minimum power, `node` (n) is the one at its limit above, or -1."""
    code = np.zeros(len(powers_kw), np.uint8)
    less = powers_kw < headroom_kw - MICROWATT_KW
    code[(powers_kw <= 0.0) & (headroom_kw > 0.0)] = Reason.NOT_NEEDED
    if problem.tree is not None:
        at_limit = less & (node >= 0)
        code[at_limit] = np.where(problem.tree.is_site[node[at_limit]], Reason.SITE_LIMIT, Reason.NODE_LIMIT)
    code[less & held] = Reason.MIN_POWER
    code[headroom_kw <= 0.0] = Reason.NO_HEADROOM
    if problem.exclusion is None:
        code[~problem.eligible] = Reason.NOT_SELECTED
    else:
        told = ~problem.eligible & (problem.exclusion > 0)
        code[~problem.eligible] = Reason.NOT_SELECTED
        code[told] = problem.exclusion[told]
    return code


def limits(problem: Problem, powers_kw: F8, code: U1, shortfall_kw: float) -> tuple[tuple[Reason, float], ...]:
    """What limits the result: headroom in kW lost to each reason, largest first; the rest of the shortfall is missing headroom."""
    if shortfall_kw <= max(MICROWATT_KW, 1e-9 * abs(problem.target_kw)):
        return ()
    offered = np.where(np.isfinite(problem.headroom_kw), np.maximum(problem.headroom_kw, 0.0), 0.0)
    lost = np.zeros(len(Reason))
    np.add.at(lost, code, np.maximum(offered - powers_kw, 0.0))
    lost[Reason.NONE] = lost[Reason.NOT_NEEDED] = 0.0
    lost[Reason.NO_HEADROOM] += max(0.0, shortfall_kw - float(lost.sum()))
    ranked = np.argsort(-lost, kind="stable")
    return tuple((Reason(int(k)), float(lost[k])) for k in ranked if lost[k] > MICROWATT_KW)
