"""What a vehicle that has not answered may be doing (`domain.md`, "Truth about power"): uncertain, not zero."""

from dataclasses import replace

import numpy as np

from v2g_console.allocation.tree import SiteTree
from v2g_console.domain.vehicle import F8, Bool


def worst_case_kw(baseline_kw: F8, confirmed_kw: F8, published_kw: F8, measured_kw: F8, settled: Bool) -> tuple[F8, F8]:
    """The lowest and highest absolute power in kW that each vehicle (n) may have, for the limits of sites and feeders.

    `confirmed_kw` (n) is its last confirmed setpoint, NaN if it never confirmed one (then it was at its baseline); `published_kw` (k x n)
    is every setpoint published since, NaN where there is none: the lowest and the highest of them are enough. Where `settled`, the
    measurement is the truth. After a refusal or the end of a lease nothing published counts any more: pass NaN.
    """
    confirmed = np.where(np.isfinite(confirmed_kw), confirmed_kw, baseline_kw)
    certain = settled & np.isfinite(measured_kw)
    published = np.atleast_2d(published_kw)
    low = np.fmin(confirmed, np.fmin.reduce(published, axis=0, initial=np.inf))
    high = np.fmax(confirmed, np.fmax.reduce(published, axis=0, initial=-np.inf))
    low, high = np.where(np.isfinite(low), low, confirmed), np.where(np.isfinite(high), high, confirmed)
    return np.where(certain, measured_kw, low), np.where(certain, measured_kw, high)


def with_others(tree: SiteTree, low_kw: F8, high_kw: F8, others: Bool) -> SiteTree:
    """`tree` with the worst case `low_kw..high_kw` (n) of the vehicles in `others` added to what is attached at their nodes.

    They must not be eligible in the problem that uses the tree, or they would count twice. Unknown power (NaN) counts as 0 kW.
    """
    rows = np.flatnonzero(others & (tree.node_of >= 0))
    nodes, m = tree.node_of[rows], len(tree.parent)
    return replace(
        tree,
        other_low_kw=tree.other_low_kw + np.bincount(nodes, weights=np.nan_to_num(low_kw[rows]), minlength=m),
        other_high_kw=tree.other_high_kw + np.bincount(nodes, weights=np.nan_to_num(high_kw[rows]), minlength=m),
    )
