"""Vehicles that pass from one dispatch to another of higher rank: their baseline stays frozen, the loser is told what it lost."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.snapshot import TakenVehicles
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import LIVE_COMMAND_STATES, CommandState
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Rows, Running
from v2g_console.engine.mirror import note_releases
from v2g_console.engine.renewals import renewal_ends_at
from v2g_console.engine.rounds import dispatch_record

_LIVE = [int(state) for state in LIVE_COMMAND_STATES]


def losses_kw(core: Core, rows: Rows) -> dict[str, float]:
    """What running dispatches would lose with `rows`: short id -> kW of regulation."""
    lost = {}
    for loser in core.running.values():
        positions = _held(core, loser, rows)
        if len(positions):
            lost[loser.short_id] = float(np.abs(np.sum((loser.setpoint_kw - loser.baseline_kw)[positions])))
    return lost


@dataclass(frozen=True, slots=True)
class Followed:
    """What vehicles (k) may be following of the dispatches that they were taken from, until they take a command of the winner."""

    out: NDArray[np.bool_]
    latest_until_ms: NDArray[np.int64]
    lease_ends_at: NDArray[np.float64]


def hand_over(core: Core, winner: Running, rows: Rows) -> Followed:
    """Take `rows` (k) from whoever owns them, before `winner` becomes their owner. The losers decide anew at their next tick."""
    followed = Followed(np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.int64), np.full(len(rows), np.inf))
    for loser in core.running.values():
        positions = _held(core, loser, rows) if loser is not winner else np.zeros(0, np.intp)
        if not len(positions):
            continue
        _note_followed(followed, loser, positions[loser.out[positions]], rows)
        moved_kw = abs(float(np.sum((loser.setpoint_kw - loser.baseline_kw)[positions])))  # its sign says who lost
        live = positions[np.isin(loser.command_state[positions], _LIVE)]
        loser.set_commands(live, CommandState.SUPERSEDED)
        loser.reason[positions] = Reason.SUPERSEDED
        loser.left[positions] = True
        for position in positions.tolist():
            loser.set_release(position, ReleaseState.NOT_NEEDED)
        note_releases(core, loser)  # before the winner's round: a restart finds each vehicle in one dispatch
        before = loser.taken[winner.short_id].vehicles if winner.short_id in loser.taken else 0
        loser.taken[winner.short_id] = TakenVehicles(short_id=winner.short_id, signal=winner.signal.value, vehicles=before + len(positions))
        known_kw = loser.recorded_kw if math.isfinite(loser.recorded_kw) else loser.target_kw  # a new one under way may yet be refused
        core.note(replace(dispatch_record(loser, core.utc_ms()), target_kw=known_kw))
        loser.moved.append((winner.short_id, -moved_kw))
        winner.moved.append((loser.short_id, moved_kw))
        loser.changed.set()
    return followed


def _note_followed(followed: Followed, loser: Running, positions: Rows, rows: Rows) -> None:
    """Note what the vehicles at `positions` of the loser were told, each at its place in `rows` (k)."""
    place_of = {row: place for place, row in enumerate(rows.tolist())}
    places = [place_of[row] for row in loser.rows[positions].tolist()]
    followed.out[places] = True
    followed.latest_until_ms[places] = loser.latest_until_ms[positions]
    followed.lease_ends_at[places] = [max(loser.cells.lease_ends_at[at], renewal_ends_at(loser, at)) for at in positions.tolist()]


def _held(core: Core, running: Running, rows: Rows) -> Rows:
    """Positions of `rows` that this dispatch still holds."""
    return np.flatnonzero(running.held(core.fleet.owner) & np.isin(running.rows, rows))
