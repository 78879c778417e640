"""The one way a release gets to vehicles: its power is fixed, the journal has it, then it is published.

Who is released, and when, is for the callers: the end of a dispatch and the silent (`release`), INHIBIT (`inhibit`), what is owed (`owed`).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.capability import release_setpoint_kw
from v2g_console.engine.commands import CommandWriter
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Rows, Running
from v2g_console.engine.fuses import released_within_phases
from v2g_console.journal.port import RoundRecord
from v2g_console.transport.port import Outgoing

log = logging.getLogger(__name__)

_PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class ReleaseRound:
    """A release that the journal has, or gets as soon as it works again. Only `commit_release` and `journal_release` make one."""

    core: Core
    running: Running
    seq: int

    async def publish(self, positions: Iterable[int], leaves: Callable[[int], int | None]) -> None:
        """Publish the releases of `positions`, one after the other.

        `leaves` notes that a release leaves now, and says when it was first sent (UTC, ms); None: it is not wanted any more.
        """
        writer = CommandWriter(self.core, self.running)

        def messages() -> Iterator[Outgoing]:
            for position in positions:
                sent_ms = leaves(position)
                if sent_ms is not None:
                    yield writer.release(position, seq=self.seq, sent_ms=sent_ms)

        await self.core.link.publish_many(messages(), lambda _, __: None)


def decide_release(core: Core, running: Running, positions: Rows) -> int:
    """Fix the power that the vehicles at `positions` are released to; returns the number of their round."""
    running.release_kw[positions] = release_power_kw(core, running.rows[positions])
    return core.next_seq()


def release_power_kw(core: Core, rows: Rows) -> NDArray[np.float64]:
    """The power (k, kW) that the fleet's `rows` (k) are released to, as it is right now: a car may have to hurry for its departure."""
    chosen = core.vehicles().take(rows)
    # Nothing is known of the battery of a vehicle that has not described itself since a restart: back to its baseline.
    as_before_kw = np.fmin(np.nan_to_num(chosen.baseline_kw), 0.0)
    power_kw = np.where(core.fleet.described[rows], release_setpoint_kw(chosen, core.rules), as_before_kw)
    return released_within_phases(core, rows, power_kw)


async def commit_release(core: Core, running: Running, positions: list[int], seq: int) -> ReleaseRound:
    """Journal a release that can wait for the journal. Raises JournalError."""
    await core.commit_round(_record(core, running, positions, seq))
    return ReleaseRound(core, running, seq)


async def journal_release(core: Core, running: Running, positions: list[int], seq: int) -> ReleaseRound:
    """Journal a release; it goes out even when the journal can't take it, or is stuck, and is written when it can."""
    record = _record(core, running, positions, seq)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await core.commit_round(record)
    except Exception as error:
        core.note(record)  # a journal that was only slow has it twice, with the same seq
        log.error("a release of %s goes out before it is journalled: %s", running.dispatch_id, error or type(error).__name__)
    return ReleaseRound(core, running, seq)


def _record(core: Core, running: Running, positions: list[int], seq: int) -> RoundRecord:
    return RoundRecord(
        utc_ms=core.utc_ms(),
        dispatch_id=running.dispatch_id,
        seq=seq,
        kind="release",
        vehicle_ids=tuple(core.fleet.ids[running.row_list[position]] for position in positions),
        setpoint_kw=running.release_kw[positions].copy(),
        baseline_kw=running.baseline_kw[positions].copy(),
        valid_until_ms=0,
        position=np.array(positions, np.int64),
        protocol=core.fleet.protocol[running.rows[positions]],
    )
