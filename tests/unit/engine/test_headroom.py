"""The fleet in numbers: however often somebody asks, the fleet is gone over four times a second at most."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import StatusView
from v2g_console.contract.snapshot import FleetSummary
from v2g_console.engine.headroom import Headroom


@pytest.mark.parametrize("request_", [ask.Status(), ask.Fleet()], ids=["status", "fleet"])
@in_virtual_time
async def test_asking_all_the_time_does_not_compute_all_the_time(request_: ask.Request, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(cars(4)) as one:
        computed: list[float] = []

        def counting(self: Headroom, owed: int) -> FleetSummary:
            computed.append(one.clock.monotonic())
            return compute(self, owed)

        compute = Headroom.compute
        monkeypatch.setattr(Headroom, "compute", counting)
        begun = one.clock.monotonic()
        while one.clock.monotonic() < begun + 1.0:
            for _ in range(20):
                await one.accepted(request_)
            await one.run_for(0.05)
        assert 1 <= len(computed) <= 6


@in_virtual_time
async def test_what_is_owed_is_of_now_all_the_same() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 6.0, 60.0)
        before = (await one.accepted(ask.Status())).result
        one.engine._owed.add(running, 0, first_seq=1)
        after = (await one.accepted(ask.Status())).result
        one.engine._owed.forget(one.row("veh000000"))
        one.core.fleet.owed[one.row("veh000000")] = False
        assert isinstance(before, StatusView) and isinstance(after, StatusView)
        assert (before.fleet.owed, after.fleet.owed) == (0, 1)
