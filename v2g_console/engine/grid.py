"""The limits of sites and feeders, with everybody who is not part of a decision at his worst."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import SiteTree
from v2g_console.allocation.minpower import admit
from v2g_console.allocation.tree import Room, room_for
from v2g_console.allocation.uncertainty import with_others, worst_case_kw
from v2g_console.config.settings import GridSettings
from v2g_console.engine.fleet import Fleet
from v2g_console.engine.site_phases import SitePhases

Rows = NDArray[np.intp]
Range = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Lowest and highest power in kW of each vehicle (n)."""
_FLEET = "the whole fleet"
_NOTHING_KW = 1e-9


@dataclass(frozen=True, slots=True)
class Grid:
    """The configured nodes, as columns; node 0 is the whole fleet where that has a limit. `index` finds a node by its name."""

    names: tuple[str, ...]
    parent: NDArray[np.intp]
    lower_kw: NDArray[np.float64]
    upper_kw: NDArray[np.float64]
    base_load_kw: NDArray[np.float64]
    is_site: NDArray[np.bool_]
    index: dict[str, int]
    phases: SitePhases | None

    @staticmethod
    def from_settings(settings: GridSettings) -> "Grid | None":
        """None if nothing is limited."""
        whole = settings.fleet_import_kw > 0 or settings.fleet_export_kw > 0
        if not whole and not settings.nodes:
            return None
        first = 1 if whole else 0
        index = {node.name: first + number for number, node in enumerate(settings.nodes)}
        parents = {node.parent for node in settings.nodes}
        top = 0 if whole else -1
        head = (
            ([_FLEET], [-1], [settings.fleet_import_kw], [settings.fleet_export_kw], [0.0], [False]) if whole else ([], [], [], [], [], [])
        )
        return Grid(
            names=(*head[0], *(node.name for node in settings.nodes)),
            parent=np.array([*head[1], *(index[node.parent] if node.parent else top for node in settings.nodes)], np.intp),
            lower_kw=_limits(-1.0, [*head[2], *(node.import_kw for node in settings.nodes)]),
            upper_kw=_limits(1.0, [*head[3], *(node.export_kw for node in settings.nodes)]),
            base_load_kw=np.array([*head[4], *(node.base_load_kw for node in settings.nodes)], np.float64),
            is_site=np.array([*head[5], *(node.name not in parents for node in settings.nodes)], np.bool_),
            index=index,
            phases=SitePhases.from_settings(settings),
        )

    @property
    def places(self) -> tuple[str, ...]:
        """What may hold a vehicle back, as people call it: nodes, then phases of sites. `Fleet.place` counts in it."""
        return (*self.names, *(self.phases.places if self.phases is not None else ()))

    def admitted(self, fleet: Fleet, rows: Rows, before_kw: Range, after_kw: Range, response_s: float) -> Rows:
        """Of the fleet's `rows`, in their order, those who may change with every node within its limits.

        Each vehicle (n) is somewhere within `before_kw` now, and may be anywhere within `after_kw` then.
        """
        room = self._room(fleet, before_kw, response_s)
        (low_kw, high_kw), (after_low_kw, after_high_kw) = before_kw, after_kw
        for change_kw, left_kw in ((low_kw - after_low_kw, -room.least_kw), (after_high_kw - high_kw, room.most_kw)):
            cost = np.maximum(change_kw, 0.0)[rows]
            rows = admit(rows, cost, cost, np.inf, np.append(np.maximum(left_kw, 0.0), np.inf), room)
        return rows

    def import_left(
        self, fleet: Fleet, rows: Rows, before_kw: Range, more_kw: NDArray[np.float64], response_s: float
    ) -> NDArray[np.float64]:
        """Of the import `more_kw` (k, at least 0) that the fleet's `rows` (k) would add, what all nodes above have left, in proportion.

        Each vehicle (n) is somewhere within `before_kw` now.
        """
        room = self._room(fleet, before_kw, response_s)
        left_kw = np.maximum(-room.least_kw, 0.0)
        for nodes in room.levels[::-1]:
            at = nodes[rows]
            below = at >= 0
            wanted_kw = np.bincount(at[below], weights=more_kw[below], minlength=len(left_kw))
            share = np.minimum(1.0, left_kw / np.maximum(wanted_kw, _NOTHING_KW))
            more_kw = np.where(below, more_kw * share[at], more_kw)
        return more_kw

    def _room(self, fleet: Fleet, powers_kw: Range, response_s: float) -> Room:
        """What the nodes leave with each vehicle (n) within `powers_kw`."""
        n = len(fleet)
        everybody = np.ones(n, np.bool_)
        bare = self.tree(fleet, np.zeros(n), everybody, response_s)  # everybody decides, so nobody is counted
        return room_for(with_others(bare, *powers_kw, everybody), np.zeros(n), 1)

    def tree(self, fleet: Fleet, baseline_kw: NDArray[np.float64], deciding: NDArray[np.bool_], response_s: float) -> SiteTree:
        """The tree for a decision about the vehicles `deciding` (n): all others count with the worst power they may have now."""
        n = len(fleet)
        top = 0 if self.names and self.names[0] == _FLEET else -1
        node_of_site = np.array([self.index.get(name, top) for name in fleet.sites.names] + [top], np.intp)
        tree = SiteTree(
            parent=self.parent,
            lower_kw=self.lower_kw,
            upper_kw=self.upper_kw,
            other_low_kw=-self.base_load_kw,
            other_high_kw=-self.base_load_kw,
            is_site=self.is_site,
            names=self.names,
            node_of=node_of_site[fleet.site[:n]],
        )
        low_kw, high_kw = worst_powers_kw(fleet, baseline_kw, response_s)
        return with_others(tree, low_kw, high_kw, ~deciding)


def _limits(sign: float, values: list[float]) -> NDArray[np.float64]:
    """Signed limits; 0 in the configuration means none."""
    return np.array([sign * value if value > 0 else sign * np.inf for value in values], np.float64)


def worst_powers_kw(fleet: Fleet, baseline_kw: NDArray[np.float64], response_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest power in kW that each vehicle (n) may have now: measured where that is settled, else any setpoint still open."""
    n = len(fleet)
    setpoint_kw, measured_kw = fleet.setpoint_kw[:n], fleet.power_kw[:n]
    commanded = ~np.isnan(setpoint_kw)
    settled = ~commanded | (fleet.measured_at[:n] > fleet.commanded_at[:n] + response_s)
    confirmed_kw = np.where(commanded, fleet.confirmed_kw[:n], measured_kw)
    open_kw = np.stack((setpoint_kw, fleet.open_low_kw[:n], fleet.open_high_kw[:n]))
    return worst_case_kw(baseline_kw, confirmed_kw, open_kw, measured_kw, settled)
