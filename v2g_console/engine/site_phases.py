"""The phases of sites: what each has left, with every vehicle at the worst power it may have, and the last look before a setpoint is sent.

Limits of nodes are kept by decisions alone; those of phases are fuses. So nothing is sent that could break one, whatever is decided:
until a vehicle confirms a move it counts at both ends of it, and while we hold it also at its baseline, where a release or the end of its
lease brings it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.phase_limits import PHASES, PhaseLimits, place_name
from v2g_console.config.settings import GridSettings
from v2g_console.config.site_checks import phase_base_loads_kw
from v2g_console.engine.fleet import Fleet

F8 = NDArray[np.float64]
Rows = NDArray[np.intp]
_MARGIN_KW = 1e-3
"""Decisions stay this far below a limit: setpoints are rounded when they are sent."""
_TRIMMED_KW = 1e-9


@dataclass(frozen=True, slots=True)
class Powers:
    """Lowest and highest power in kW that each vehicle (n) may have."""

    low_kw: F8
    high_kw: F8


@dataclass(frozen=True, slots=True)
class SitePhases:
    """The s sites that have phase limits. Limits and base loads in kW (s x 3), absolute net power; -inf / +inf for no limit."""

    names: tuple[str, ...]
    lower_kw: F8
    upper_kw: F8
    base_load_kw: F8

    @staticmethod
    def from_settings(settings: GridSettings) -> "SitePhases | None":
        """None if no site has any."""
        nodes = [node for node in settings.nodes if node.phase_import_a > 0 or node.phase_export_a > 0]
        if not nodes:
            return None
        kw_per_a = settings.phase_voltage_v / 1000.0
        limits_a = np.array([(node.phase_import_a, node.phase_export_a) for node in nodes])
        limits_kw = np.where(limits_a > 0, limits_a * kw_per_a, np.inf)
        whole = np.ones((1, PHASES))
        return SitePhases(
            names=tuple(node.name for node in nodes),
            lower_kw=-limits_kw[:, :1] * whole,
            upper_kw=limits_kw[:, 1:] * whole,
            base_load_kw=np.array([phase_base_loads_kw(node) for node in nodes]),
        )

    @property
    def places(self) -> tuple[str, ...]:
        """`depot L1`, ..., phase by phase and site by site."""
        return tuple(place_name(name, phase) for name in self.names for phase in range(PHASES))

    def site_of(self, fleet: Fleet) -> Rows:
        """The site of each vehicle (n), -1 for none with phase limits."""
        number = {name: index for index, name in enumerate(self.names)}
        of_code = np.array([number.get(name, -1) for name in fleet.sites.names] + [-1], np.intp)
        return of_code[fleet.site[: len(fleet)]]

    def limits(self, fleet: Fleet, powers: Powers, deciding: NDArray[np.bool_]) -> PhaseLimits:
        """The limits for a decision about the vehicles `deciding` (n); all others count at their worst of `powers`."""
        site_of, share = self.site_of(fleet), shares(fleet)
        others = np.where(deciding, -1, site_of)
        low_kw, high_kw = self._flows_kw(others, share, powers)
        return PhaseLimits(
            site_of=site_of,
            share=share,
            lower_kw=self.lower_kw + _MARGIN_KW,
            upper_kw=self.upper_kw - _MARGIN_KW,
            other_low_kw=low_kw,
            other_high_kw=high_kw,
            names=self.names,
        )

    def worst_kw(self, fleet: Fleet, powers: Powers) -> tuple[F8, F8]:
        """Lowest and highest net power that each phase (s x 3) may have with every vehicle at its worst."""
        return self._flows_kw(self.site_of(fleet), shares(fleet), powers)

    def kept(self, fleet: Fleet, powers: Powers, rows: Rows, wanted_kw: F8) -> F8:
        """The setpoints `wanted_kw` (k) for `rows` (k), moved back towards what is counted already as far as a phase needs it.

        A setpoint within the vehicle's own range of `powers` costs nothing. All who would go beyond theirs on a phase that has not enough
        left are cut by the same factor, and stay out of the hole below their least power.
        """
        site_of, share = self.site_of(fleet), shares(fleet)
        worst_low, worst_high = self.worst_kw(fleet, powers)
        site_of, share = site_of[rows], share[rows]
        anywhere = (share == 1.0).all(axis=1)
        low_kw, high_kw = powers.low_kw[rows], powers.high_kw[rows]
        factor = np.ones(len(rows))
        for sign, room_kw, end_kw in ((1.0, self.upper_kw - worst_high, high_kw), (-1.0, worst_low - self.lower_kw, low_kw)):
            beyond = (site_of >= 0) & (sign * (wanted_kw - end_kw) > 0.0)
            more_kw = sign * (_loading(wanted_kw, anywhere, sign) - _loading(end_kw, anywhere, sign))
            part_kw = np.where(beyond, np.maximum(more_kw, 0.0), 0.0)[:, None] * share
            sums = _by_site(site_of[beyond], part_kw[beyond], len(self.names))
            allowed = np.where(sums > np.maximum(room_kw, 0.0), np.maximum(room_kw, 0.0) / np.maximum(sums, 1e-12), 1.0)
            by_phase = np.where(part_kw[beyond] > 0.0, allowed[site_of[beyond]], 1.0)
            factor[beyond] = np.minimum.reduce([by_phase[:, phase] for phase in range(PHASES)])
        nearest = np.clip(wanted_kw, low_kw, high_kw)
        cut = nearest + factor * (wanted_kw - nearest)
        return np.where(factor < 1.0 - _TRIMMED_KW, _outside_hole(fleet, rows, cut, nearest), wanted_kw)

    def _flows_kw(self, site_of: Rows, share: F8, powers: Powers) -> tuple[F8, F8]:
        at = np.flatnonzero(site_of >= 0)
        anywhere = (share[at] == 1.0).all(axis=1)
        flows = []
        for sign, power_kw in ((-1.0, powers.low_kw[at]), (1.0, powers.high_kw[at])):
            loads_kw = _loading(power_kw, anywhere, sign)[:, None] * share[at]
            flows.append(_by_site(site_of[at], loads_kw, len(self.names)) - self.base_load_kw)
        return flows[0], flows[1]


def shares(fleet: Fleet) -> F8:
    """Which part of its power each vehicle (n x 3) has on L1, L2, L3; all of it on each where nobody knows."""
    n = len(fleet)
    phases, phase = fleet.phases[:n], fleet.phase[:n]
    share = np.ones((n, PHASES))
    share[phases == PHASES] = 1.0 / PHASES
    one = (phases == 1) & (phase >= 1)
    share[one] = np.eye(PHASES)[np.maximum(phase[one], 1) - 1]
    return share


def worst_of_phases(fleet: Fleet, baseline_kw: F8, response_s: float) -> Powers:
    """What each vehicle (n) may do now or without another word from us: measured, told, still open, released to, and its baseline."""
    n = len(fleet)
    setpoint_kw, measured_kw, measured_at = fleet.setpoint_kw[:n], fleet.power_kw[:n], fleet.measured_at[:n]
    held = (fleet.owner[:n] >= 0) | fleet.owed[:n] | np.isfinite(setpoint_kw)
    unsettled = ~held & (measured_at <= fleet.released_at[:n] + response_s)
    # Measured before its newest command, it shows what an older one asked for, which counts itself until the newest is confirmed.
    measured_kw = np.where(held & (measured_at <= fleet.commanded_at[:n]), np.nan, measured_kw)
    before_kw = np.where(held, np.where(np.isnan(fleet.baseline_kw[:n]), baseline_kw, fleet.baseline_kw[:n]), np.nan)
    before_kw = np.where(unsettled, fleet.baseline_kw[:n], before_kw)
    told = np.stack((setpoint_kw, fleet.confirmed_kw[:n], fleet.open_low_kw[:n], fleet.open_high_kw[:n]))
    told = np.where(held, told, np.nan)
    released_kw = np.where(held | unsettled, fleet.released_kw[:n], np.nan)
    possible = np.vstack((measured_kw, before_kw, released_kw, told))
    unknown = np.isnan(possible).all(axis=0)
    full_kw = np.where(unknown & fleet.described[:n] & fleet.available[:n], -fleet.max_charge_kw[:n], 0.0)
    low_kw, high_kw = np.fmin.reduce(possible, axis=0), np.fmax.reduce(possible, axis=0)
    return Powers(np.where(unknown, full_kw, low_kw), np.where(unknown, 0.0, high_kw))


def _by_site(site_of: Rows, values: F8, sites: int) -> F8:
    """Sums (s x 3) of `values` (k x 3) at the sites of k vehicles."""
    index = PHASES * site_of[:, None] + np.arange(PHASES)
    sums = np.bincount(index.ravel(), weights=values.ravel(), minlength=PHASES * sites).astype(np.float64)
    return sums.reshape(sites, PHASES)


def _loading(power_kw: F8, anywhere: NDArray[np.bool_], sign: float) -> F8:
    """The power that counts on each of its phases in the direction of `sign`: on an unknown phase it relieves none."""
    return np.where(anywhere, np.maximum(power_kw, 0.0) if sign > 0 else np.minimum(power_kw, 0.0), power_kw)


def _outside_hole(fleet: Fleet, rows: Rows, cut_kw: F8, nearest_kw: F8) -> F8:
    """Setpoints between 0 and the least power, brought to the edge of the hole that is nearer to `nearest_kw`."""
    least_up, least_down = fleet.min_discharge_kw[rows], fleet.min_charge_kw[rows]
    hole = ((cut_kw > 0.0) & (cut_kw < least_up)) | ((cut_kw < 0.0) & (cut_kw > -least_down))
    edge = np.where(cut_kw > 0.0, np.where(nearest_kw >= least_up, least_up, 0.0), np.where(nearest_kw <= -least_down, -least_down, 0.0))
    between = np.clip(edge, np.minimum(cut_kw, nearest_kw), np.maximum(cut_kw, nearest_kw))
    return np.where(hole, between, cut_kw)
