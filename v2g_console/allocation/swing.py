"""A target that moves every few seconds: only a few vehicles follow, the ones furthest from their fair share.

A dead-band per vehicle fails: with a thousand small cars nothing would ever move. Here the whole dispatch has one dead-band, and who
moves does so by a step that is worth a message.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.minpower import admit
from v2g_console.allocation.problem import MICROWATT_KW
from v2g_console.allocation.setpoints import Allowed
from v2g_console.allocation.tree import Room, SiteTree, no_room, room_for
from v2g_console.domain.vehicle import F8, Bool

Rows = NDArray[np.intp]
_ROUNDS: Final = 12
_CORRECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Swing:
    """Who moves (`moved`, k rows) to which absolute setpoint in kW (k). `residual_kw` = target - sum of the regulation after the move."""

    moved: Rows
    setpoint_kw: F8
    residual_kw: float


def swing(
    target_kw: float,
    setpoint_kw: F8,
    baseline_kw: F8,
    low_kw: F8,
    high_kw: F8,
    fair_regulation_kw: F8,
    *,
    min_move_kw: float = 1.0,
    dead_band_kw: float = 1.0,
    dead_band_share: float = 0.005,
    min_charge_kw: F8 | None = None,
    min_discharge_kw: F8 | None = None,
    tree: SiteTree | None = None,
) -> Swing:
    """The few moves (n vehicles of one dispatch) that bring the sum of regulation to `target_kw`, signed, positive = up.

    `setpoint_kw` is what was sent last, `low_kw..high_kw` what each vehicle may be sent now, `fair_regulation_kw` the share that an
    allocator gives it of this very target. A minimum power makes a hole (0, or at least the minimum). Within the dead-band
    (`max(dead_band_kw, dead_band_share * |target|)`) nothing moves, but a setpoint outside its bounds, and a node of `tree` outside its
    limits, is corrected at once and whatever it costs the target. Each mover goes to its fair share or by `min_move_kw`, whichever is
    further, as far as its bounds and nodes allow; less only where a whole step won't do. Vehicles whose figures are no numbers stay as
    they are. Ends within the dead-band, or when nobody can move any more towards the target.
    Raises ValueError for a target that is no finite number.
    """
    if not np.isfinite(target_kw):
        raise ValueError(f"the target must be a finite number of kW, got {target_kw}")
    allowed = Allowed.between(low_kw, high_kw, min_charge_kw, min_discharge_kw)
    known = np.isfinite(setpoint_kw) & np.isfinite(baseline_kw)
    usable = allowed.usable & known & np.isfinite(fair_regulation_kw)
    state = _State(
        position=np.where(usable, allowed.nearest(setpoint_kw, baseline_kw), setpoint_kw),
        began=setpoint_kw,
        fair_kw=baseline_kw + fair_regulation_kw,
        allowed=allowed,
        known=known,
        usable=usable,
        tree=tree,
        min_move_kw=max(0.0, min_move_kw),
    )
    if tree is not None:
        _heal_nodes(state, tree)
    dead_band = max(0.0, dead_band_kw, dead_band_share * abs(target_kw))
    wanted_kw = target_kw + float(baseline_kw[known].sum())
    if abs(wanted_kw - state.total_kw()) > dead_band:
        _close(state, wanted_kw, dead_band)
    moved = np.flatnonzero(state.moved())
    return Swing(moved, state.position[moved], wanted_kw - state.total_kw())


@dataclass(slots=True)
class _State:
    """Where the vehicles are on the way to their new setpoints; all in absolute kW."""

    position: F8
    began: F8
    fair_kw: F8
    allowed: Allowed
    known: Bool  # counts towards the target
    usable: Bool  # may move
    tree: SiteTree | None
    min_move_kw: float

    def total_kw(self) -> float:
        return float(self.position[self.known].sum())

    def moved(self) -> Bool:
        return self.usable & (np.abs(self.position - self.began) > MICROWATT_KW)

    def room(self, direction: int) -> Room:
        """What the nodes leave to further moves in `direction`."""
        if self.tree is None:
            return no_room(len(self.position))
        return room_for(self.tree, np.nan_to_num(self.position), direction)


def _heal_nodes(state: _State, tree: SiteTree) -> None:
    """Move vehicles below a node that is outside its limits until it is inside, as far as they can."""
    for direction in (1, -1):
        given_up = np.zeros(len(tree.parent), np.bool_)
        for _ in range(_CORRECTIONS):
            room = state.room(direction)
            needs = np.where(given_up, 0.0, room.least_kw)
            node = int(np.argmax(needs)) if len(needs) else 0
            if not len(needs) or needs[node] <= MICROWATT_KW:
                break
            before = state.total_kw()
            _advance(state, direction, float(needs[node]), (room.levels == node).any(axis=0), least_kw=0.0)
            given_up[node] = abs(state.total_kw() - before) <= MICROWATT_KW


def _close(state: _State, wanted_kw: float, dead_band: float) -> None:
    """Move vehicles until the positions add up to `wanted_kw` within `dead_band`, or nobody can."""
    _approach(state, wanted_kw, dead_band)
    missing = wanted_kw - state.total_kw()
    if abs(missing) <= dead_band:
        return
    # Only a jump across a hole is left: further than needed, and others take back the surplus. Kept if that comes nearer.
    before = state.position
    direction = 1 if missing > 0 else -1
    if _jump(state, direction, abs(missing)):
        _approach(state, wanted_kw, dead_band)
        if abs(wanted_kw - state.total_kw()) >= abs(missing):
            state.position = before


def _approach(state: _State, wanted_kw: float, dead_band: float) -> None:
    """Steps of at least the smallest move while they fit, then those who move anyway go on, then whatever is left, if it matters."""
    missing = wanted_kw - state.total_kw()
    direction = 1 if missing > 0 else -1
    everybody = state.usable
    _advance(state, direction, abs(missing), everybody, least_kw=state.min_move_kw)
    missing = direction * (wanted_kw - state.total_kw())
    if missing > MICROWATT_KW:
        _advance(state, direction, missing, state.moved(), least_kw=0.0, to_fair=False)
    missing = direction * (wanted_kw - state.total_kw())
    if missing > dead_band:
        _advance(state, direction, missing, everybody, least_kw=0.0, to_fair=False)


def _advance(state: _State, direction: int, amount_kw: float, who: Bool, *, least_kw: float, to_fair: bool = True) -> None:
    """Move vehicles of `who` by `amount_kw` in all, never beyond it; each by at least `least_kw`, in the order of what it is short of.

    With `to_fair` a vehicle goes no further than its fair share (or `least_kw`) while others can go too, else as far as it can.
    """
    for turn in range(_ROUNDS):
        if amount_kw <= MICROWATT_KW:
            return
        short = direction * (state.fair_kw - state.position)
        greedy = not to_fair or turn >= _ROUNDS // 2
        room = state.room(direction)
        step = np.full(len(short), amount_kw) if greedy else np.minimum(amount_kw, np.maximum(short, least_kw))
        step = np.minimum(step, _budget(room, amount_kw)) if state.tree is not None else step
        possible = state.allowed.step(state.position, direction, np.where(who, step, 0.0), least_kw)
        fits = who & (possible > MICROWATT_KW) & (possible <= amount_kw + MICROWATT_KW) & (possible >= least_kw - MICROWATT_KW)
        rows = np.flatnonzero(fits)
        if len(rows) == 0:
            if greedy:
                return
            to_fair = False
            continue
        order = np.lexsort((-possible[rows], -short[rows])) if not greedy else np.argsort(-possible[rows], kind="stable")
        rows = rows[order]
        chosen = admit(rows, possible[rows], possible[rows], amount_kw, np.append(room.most_kw, amount_kw), room)
        if len(chosen) == 0:
            return
        state.position = state.position.copy()
        state.position[chosen] += direction * possible[chosen]
        amount_kw -= float(possible[chosen].sum())


def _budget(room: Room, amount_kw: float) -> F8:
    """The least that any node above a vehicle leaves to it."""
    least = np.full(room.levels.shape[1], amount_kw)
    for nodes in room.levels:
        least = np.minimum(least, np.where(nodes >= 0, np.maximum(room.most_kw[nodes], 0.0), np.inf))
    return least


def _jump(state: _State, direction: int, missing_kw: float) -> bool:
    """Let the vehicle with the shortest way across a hole, beyond `missing_kw`, cross it. False if there is none."""
    room = state.room(direction)
    span = state.allowed.crossing(state.position, direction, np.full(len(state.position), missing_kw))
    span = np.where(state.usable & (span <= _budget(room, np.inf) + MICROWATT_KW), span, np.inf)
    row = int(np.argmin(span)) if len(span) else 0
    if not len(span) or not np.isfinite(span[row]):
        return False
    state.position = state.position.copy()
    state.position[row] += direction * span[row]
    return True
