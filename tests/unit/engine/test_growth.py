"""Hundreds of dispatches one after another leave nothing behind."""

import asyncio
import gc
import tracemalloc

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.engine.core import PAST_KEPT


@in_virtual_time
async def test_memory_and_lists_stay_bounded() -> None:
    fleet = cars(3, 2, answer_s=0.001)
    async with bench(fleet) as one:

        async def many(count: int) -> int:
            for _ in range(count):
                running = await one.dispatch("MA", 6.0, 1.0)
                await asyncio.wait(one.engine._acting.lives)
                assert running.over
                one.told.clear()
                one.journal.rounds.clear()
                one.journal.requests.clear()
                one.journal._records.clear()
                one.link.published.clear()
                for car in fleet:
                    car.received.clear()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = await many(PAST_KEPT + 5)
            after = await many(60)
        finally:
            tracemalloc.stop()
        core, engine = one.core, one.engine
        assert core.running == {}
        assert len(core.past) == PAST_KEPT
        assert len(engine._owed) == 0
        assert engine._acting.lives == set()
        assert engine._parts.plans._plans == {}
        assert core.stream._progress == {}
        assert len(core._notes) < 50
        # The stream's ring of 5000 events is still filling: about 6 events of 0.5 kB a dispatch.
        assert after - before < 60 * 6 * 1200, f"{(after - before) / 1024:.0f} KiB more after 60 dispatches"
