"""What happened to one vehicle lately, read from the rows of the dispatches that are running or kept."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from v2g_console.domain.reasons import EXPLANATION, Reason
from v2g_console.domain.states import CommandState
from v2g_console.domain.units import power_text
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Running

MOST: Final = 12
Happened = tuple[int, str]
"""UTC ms, and what."""

_FOLLOWS: Final = frozenset({CommandState.ACKED, CommandState.RELEASED, CommandState.EXPIRED})


def lately(core: Core, row: int, most: int = MOST) -> tuple[Happened, ...]:
    """The newest `most` of what a vehicle was told and answered, newest first; of a setpoint that was renewed, its newest telling."""
    now_ms, now = core.utc_ms(), core.clock.monotonic()
    found: list[Happened] = []
    for running in (*core.running.values(), *core.past):
        for position in np.flatnonzero(running.rows == row).tolist():
            found += _of_row(core, running, position, now_ms, now)
    return tuple(sorted(found, reverse=True)[:most])


def _of_row(core: Core, running: Running, position: int, now_ms: int, now: float) -> Iterator[Happened]:
    """What happened in one row of one dispatch."""
    name = f"{running.short_id} {running.request.signal}"
    if running.out[position] and running.sent_ms[position]:
        yield int(running.sent_ms[position]), f"{name}: told {power_text(running.sent_kw[position])}"
        answered_at = running.acked_at[position]
        if not np.isnan(answered_at):
            yield _utc_ms(answered_at, now_ms, now), f"{name}: {_answer(running, position)}"
        elif running.command_state[position] == CommandState.TIMED_OUT:
            timeout_ms = round(core.settings.dispatch.ack_timeout_seconds * 1000)
            yield int(running.sent_ms[position]) + timeout_ms, f"{name}: silent"
    if running.release_sent_ms[position]:
        yield int(running.release_sent_ms[position]), f"{name}: told to go back to its baseline"
    if not np.isnan(running.release_acked_at[position]):
        yield _utc_ms(running.release_acked_at[position], now_ms, now), f"{name}: confirmed its release"
    elif running.release_state[position] == ReleaseState.LEASE_ENDED:
        yield min(now_ms, int(running.latest_until_ms[position])), f"{name}: its lease ended"


def _answer(running: Running, position: int) -> str:
    state, reason = CommandState(int(running.command_state[position])), Reason(int(running.reason[position]))
    why = running.reason_text.get(position) or ("" if reason is Reason.NONE else EXPLANATION[reason])
    if state in _FOLLOWS:
        return "took it"
    return f"{state.name.lower()}{f': {why}' if why else ''}"


def _utc_ms(at: float, now_ms: int, now: float) -> int:
    """The date of a monotonic time, as the clock has it today."""
    return now_ms - round((now - at) * 1000)
