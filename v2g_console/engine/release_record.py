"""Releases in the journal. Unlike setpoints they go out even where the journal fails; then they are written when it works again."""

import asyncio
import logging
from typing import Final

import numpy as np

from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.journal.port import RoundRecord

log = logging.getLogger(__name__)

_PATIENCE_S: Final = 2.0


async def journal_release(core: Core, running: Running, positions: list[int], seq: int) -> None:
    """Journal a release; it goes out even when the journal can't take it, or is stuck, and is written when it can."""
    record = release_record(core, running, positions, seq)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await core.commit_round(record)
    except Exception as error:
        core.note(record)  # a journal that was only slow has it twice, with the same seq
        log.error("a release of %s goes out before it is journalled: %s", running.dispatch_id, error or type(error).__name__)


def release_record(core: Core, running: Running, positions: list[int], seq: int) -> RoundRecord:
    """A release of these positions to their `release_kw`."""
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
