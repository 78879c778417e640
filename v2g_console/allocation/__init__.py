"""Who gets how many kilowatts, and why. Pure numpy: no I/O, no clock, no asyncio.

`allocate(name, problem)` is the whole interface; every allocator is a set of curves for the one primitive in `waterfill`.
"""

from v2g_console.allocation.allocate import ALLOCATORS, allocate
from v2g_console.allocation.problem import Allocation, Problem, SegmentRule, Weights
from v2g_console.allocation.tree import AllocationError, InfeasibleError, SiteTree

__all__ = [
    "ALLOCATORS",
    "Allocation",
    "AllocationError",
    "InfeasibleError",
    "Problem",
    "SegmentRule",
    "SiteTree",
    "Weights",
    "allocate",
]
