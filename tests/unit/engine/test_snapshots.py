"""Snapshots: immutable, numbered, at most four a second, and cheap where nothing changed."""

import dataclasses

import msgspec
import numpy as np
import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import StatusView
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, FleetColumns


@in_virtual_time
async def test_a_snapshot_is_made_at_most_four_times_a_second() -> None:
    async with bench(cars(2)) as one:
        first = await one.engine.snapshot()
        assert await one.engine.snapshot() is first
        await one.run_for(0.3)
        second = await one.engine.snapshot()
        assert second.number > first.number


@in_virtual_time
async def test_who_acts_sees_it_in_the_next_look() -> None:
    async with bench(cars(2)) as one:
        assert (await one.engine.snapshot()).dispatches == ()
        accepted = await one.accepted(ask.Dispatch(signal="FCR", power_kw=4.0, duration_s=60.0))
        status = (await one.accepted(ask.Status())).result
        assert isinstance(status, StatusView)
        assert [view.dispatch_id for view in status.dispatches] == [accepted.dispatch_id]
        seen = await one.engine.snapshot()
        assert [view.dispatch_id for view in seen.dispatches] == [accepted.dispatch_id]
        assert await one.engine.snapshot() is seen


@in_virtual_time
async def test_nothing_in_a_snapshot_can_be_written() -> None:
    async with bench(cars(2)) as one:
        snapshot = await one.engine.snapshot()
        for field in dataclasses.fields(FleetColumns):
            column = getattr(snapshot.fleet, field.name)
            if isinstance(column, np.ndarray):
                assert not column.flags.writeable, field.name
                with pytest.raises(ValueError, match="read-only"):
                    column[:] = 0
        with pytest.raises(dataclasses.FrozenInstanceError):
            snapshot.number = 7  # type: ignore[misc]  # that it can't be is the test


@in_virtual_time
async def test_an_old_snapshot_does_not_change_under_its_reader() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        await one.run_for(1.1)
        before = await one.engine.snapshot()
        power, state = before.fleet.power_kw.copy(), before.fleet.state.copy()
        await one.active("MA", 8.0)
        await one.run_for(5.0)
        assert np.array_equal(before.fleet.power_kw, power)
        assert np.array_equal(before.fleet.state, state)
        after = await one.engine.snapshot()
        assert after.fleet.power_kw.tolist() == pytest.approx([4.0, 4.0])
        assert [FLEET_STATE_NAMES[code] for code in after.fleet.state] == ["acked", "acked"]
        assert after.fleet.revision > before.fleet.revision


@in_virtual_time
async def test_unchanged_columns_are_the_same_arrays() -> None:
    async with bench(cars(3)) as one:
        await one.run_for(2.0)
        first = (await one.engine.snapshot()).fleet
        await one.run_for(4.0)
        second = (await one.engine.snapshot()).fleet
        assert second is not first
        assert second.seen_ms is not first.seen_ms
        for name in ("soc", "power_kw", "max_charge_kw", "is_v2g", "owner", "site", "protocol", "available"):
            assert getattr(second, name) is getattr(first, name), name
        assert second.ids is first.ids


@in_virtual_time
async def test_headroom_appears_although_nothing_else_changed() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        for car in fleet:
            car.reports = False
        await one.engine.snapshot()
        await one.run_for(2.0)
        snapshot = await one.engine.snapshot()
        assert snapshot.fleet.up_kw.tolist() == pytest.approx([11.0, 11.0])
        await one.run_for(40.0)  # too old to count on
        snapshot = await one.engine.snapshot()
        assert snapshot.fleet.up_kw.tolist() == [0.0, 0.0]
        assert snapshot.summary.stale == 2


@in_virtual_time
async def test_owners_name_their_dispatch_and_are_gone_after_it() -> None:
    fleet = cars(3)
    fleet[1].answer = Answer.NEVER
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 20.0, vehicles=("veh000000", "veh000001"))
        await one.run_for(0.3)
        columns = (await one.engine.snapshot()).fleet
        assert [columns.owners[owner] if owner >= 0 else "" for owner in columns.owner] == [running.dispatch_id, running.dispatch_id, ""]
        assert [FLEET_STATE_NAMES[code] for code in columns.state] == ["acked", "silent", "idle"]
        await one.over(running)
        await one.run_for(0.3)
        assert (await one.engine.snapshot()).fleet.owner.tolist() == [-1, -1, -1]


@in_virtual_time
async def test_every_view_can_be_written_as_json() -> None:
    async with bench(cars(2)) as one:
        await one.active("FCR", 4.0)
        await one.run_for(2.0)
        snapshot = await one.engine.snapshot()
        for view in (snapshot.engine, snapshot.link, snapshot.summary, *snapshot.dispatches, *snapshot.alarms, *one.told):
            text = msgspec.json.encode(view)
            assert b"NaN" not in text
            msgspec.json.decode(text)


@in_virtual_time
async def test_a_snapshot_tells_what_drivers_keep() -> None:
    async with bench(cars(2)) as one:
        fleet = one.engine._core.fleet
        snapshot = await one.engine.snapshot()
        assert snapshot.fleet.reserve_soc is not None
        assert snapshot.fleet.reserve_soc.tolist() == pytest.approx(fleet.reserve_soc[:2].tolist())
