"""Rules for what is particular to sites: their phases, and the vehicles the configuration puts there."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from v2g_console.config.finding import Finding
from v2g_console.config.settings import FleetSettings, GridSettings, NodeSettings
from v2g_console.config.values import shown
from v2g_console.domain.ids import is_vehicle_id

_PATTERN: Final = re.compile(r"[A-Za-z0-9._:*?\[\]!-]{1,64}")
_WILD: Final = frozenset("*?[")
_PHASE_KEYS: Final = ("phase_import_a", "phase_export_a", "phase_base_load_kw")
_SUM_TOLERANCE_KW: Final = 1e-6


def phase_contradictions(grid: GridSettings) -> Iterator[Finding]:
    """Phases of what is no site, and base loads by phase that are no three figures or another sum."""
    below = {node.parent: node.name for node in reversed(grid.nodes)}
    for number, node in enumerate(grid.nodes):
        path = f"grid.nodes[{number}]"
        if node.name in below:
            for key in _PHASE_KEYS:
                if getattr(node, key):
                    yield Finding(f"{path}.{key}", f"only sites have phases, and {node.name} is above {below[node.name]}: set it there")
        loads_kw = node.phase_base_load_kw
        if loads_kw and len(loads_kw) != 3:
            yield Finding(f"{path}.phase_base_load_kw", f"expected three figures, [L1, L2, L3], got {len(loads_kw)}")
        elif loads_kw and abs(sum(loads_kw) - node.base_load_kw) > _SUM_TOLERANCE_KW:
            yield Finding(
                f"{path}.phase_base_load_kw",
                f"adds up to {sum(loads_kw):g} kW, but base_load_kw is {node.base_load_kw:g}: write base_load_kw: {sum(loads_kw):g}",
                (f"{path}.base_load_kw",),
            )


def phase_doubts(grid: GridSettings) -> Iterator[Finding]:
    """Phases that the base load alone overloads."""
    for number, node in enumerate(grid.nodes):
        limit_kw, load_kw = node.phase_import_a * grid.phase_voltage_v / 1000.0, max(phase_base_loads_kw(node))
        if 0 < limit_kw < load_kw:
            yield Finding(
                f"grid.nodes[{number}].phase_import_a",
                f"{node.phase_import_a:g} A are {limit_kw:.1f} kW, less than the base load of a phase ({load_kw:g} kW):"
                " exceeded before any vehicle charges",
            )


def phase_base_loads_kw(node: NodeSettings) -> tuple[float, float, float]:
    """Base load of L1, L2 and L3 in kW."""
    if len(node.phase_base_load_kw) == 3:
        first, second, third = node.phase_base_load_kw
        return first, second, third
    third = node.base_load_kw / 3.0
    return third, third, third


def fleet_site_contradictions(fleet: FleetSettings, grid: GridSettings) -> Iterator[Finding]:
    """Names and patterns that can't be used, feeders instead of sites, and vehicles that would be at two sites."""
    feeders = {node.parent for node in grid.nodes}
    first: dict[str, str] = {}
    for number, one in enumerate(fleet.sites):
        path = f"fleet.sites[{number}]"
        if not is_vehicle_id(one.site):
            message = "expected 1 to 64 letters, digits and . _ : - beginning with a letter or digit"
            yield Finding(f"{path}.site", f"{message}, got {shown(one.site)}")
        elif one.site in feeders:
            yield Finding(f"{path}.site", f"{one.site} is a feeder: vehicles are at the sites below it", ("grid.nodes[].parent",))
        if not one.vehicles:
            yield Finding(f"{path}.vehicles", "expected at least one vehicle id or pattern, got none")
        for named in one.vehicles:
            if not _usable(named):
                yield Finding(f"{path}.vehicles", f"expected vehicle ids, or patterns with * ? and [...], got {shown(named)}")
            elif named in first and first[named] != one.site:
                yield Finding(f"{path}.vehicles", f"{named} is at {first[named]} already: leave it out at one of the two", ("fleet.sites",))
            first.setdefault(named, one.site)


def fleet_site_doubts(fleet: FleetSettings, nodes: Sequence[NodeSettings]) -> Iterator[Finding]:
    """Sites without any limit, which is hardly why somebody writes down who is there."""
    known = {node.name for node in nodes}
    for number, one in enumerate(fleet.sites):
        if known and one.site not in known:
            yield Finding(f"fleet.sites[{number}].site", f"{one.site} is not in grid.nodes: no limit binds its vehicles", ("grid.nodes",))


def _usable(named: str) -> bool:
    return bool(_PATTERN.fullmatch(named)) if _WILD & set(named) else is_vehicle_id(named)
