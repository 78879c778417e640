"""What a plan counts on between two reports, for how long, and that nothing moves the end of a dispatch."""

import itertools

import numpy as np
import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.domain.capability import capability
from v2g_console.domain.signal import PRODUCTS, Signal
from v2g_console.domain.states import COMMAND_TRANSITIONS, CommandState, DispatchState, IllegalTransitionError
from v2g_console.engine.headroom import SUSTAINED_S
from v2g_console.engine.situation import sustained_for_s
from v2g_console.transport.wire import CommandV2


@in_virtual_time
async def test_the_charge_is_carried_forward_from_its_time_stamp_with_the_measured_power_and_the_losses() -> None:
    charging, injecting, _ = fleet = cars(3, soc=0.5, battery_kwh=60.0)
    charging.natural_kw, injecting.natural_kw = -11.0, 11.0
    async with bench(fleet) as one:
        await one.run_for(5.0)
        for car in fleet:
            car.reports = False
        measured_at = one.core.fleet.soc_at[:3].copy()
        await one.run_for(25.0)
        hours = (one.clock.monotonic() - measured_at) / 3600.0
        assert hours.min() * 3600.0 >= 23.0
        expected = 0.5 + np.array([11.0 * 0.94, -11.0 / 0.94, 0.0]) * hours / 60.0
        assert one.core.vehicles().soc == pytest.approx(expected, abs=1e-9)


@in_virtual_time
async def test_a_charge_carried_forward_stays_between_empty_and_full_and_stops_after_an_hour() -> None:
    full, low, large = fleet = cars(3, battery_kwh=60.0)
    full.soc, full.natural_kw = 0.95, -11.0
    low.soc, low.natural_kw = 0.05, 11.0
    large.soc, large.natural_kw, large.battery_kwh = 0.2, -11.0, 600.0
    async with bench(fleet) as one:
        await one.run_for(5.0)
        later = one.core.fleet.soc_now(one.clock.monotonic() + 7200.0, 0.94)
        assert later == pytest.approx([1.0, 0.0, 0.2 + 11.0 * 0.94 / 600.0], abs=1e-9)


@in_virtual_time
async def test_sums_leave_out_whose_telemetry_is_old_and_count_how_many() -> None:
    fleet = cars(5, soc=0.6)
    fleet[1].natural_kw = fleet[2].natural_kw = -7.0
    async with bench(fleet) as one:
        await one.run_for(5.0)
        assert (await one.engine.snapshot()).summary.excluded_from_sums == 0
        fleet[0].reports = fleet[1].reports = False  # an idle one would still have headroom, a charging one still a power
        await one.run_for(45.0)  # three intervals of ten seconds, and the next look
        summary = (await one.engine.snapshot()).summary
        able = capability(one.core.vehicles(), SUSTAINED_S, one.core.rules)
        assert able.up_kw[0] > 0.0
        assert (summary.vehicles, summary.stale, summary.excluded_from_sums) == (5, 2, 2)
        assert summary.net_kw == pytest.approx(-7.0)
        assert summary.up_kw == pytest.approx(able.up_kw[2:].sum(), abs=0.1)
        assert summary.down_kw == pytest.approx(able.down_kw[2:].sum(), abs=0.1)
        assert sum(summary.soc_histogram) == 3


@in_virtual_time
async def test_power_is_sustainable_for_the_product_or_the_lease_and_half_a_minute_more() -> None:
    async with bench(cars(1), sustain_s=600.0, lease_s=900.0) as one:
        for_s = {signal: sustained_for_s(one.core, PRODUCTS[signal], 3600.0) for signal in Signal}
        assert for_s[Signal.FCR] == for_s[Signal.AFRR_UP] == for_s[Signal.AFRR_DOWN] == 930.0
        assert for_s[Signal.MA] == for_s[Signal.NEBEF] == for_s[Signal.ECOWATT] == 3630.0
        # A lease never outlives the dispatch, so that a short block asks for no more than itself.
        assert sustained_for_s(one.core, PRODUCTS[Signal.MA], 60.0) == 90.0
        assert sustained_for_s(one.core, PRODUCTS[Signal.FCR], 60.0) == 630.0


@in_virtual_time
async def test_updates_retries_late_answers_and_renewals_never_move_the_end() -> None:
    fleet = cars(6, protocol=2)
    fleet[0].answer, fleet[1].answer_s = Answer.NEVER, 8.0
    async with bench(fleet, lease_s=30.0, retries=1) as one:
        running = await one.active("MA", 30.0, 90.0)
        ends_ms, ends_at = running.ends_ms, running.ends_at
        assert ends_ms is not None
        assert ends_at is not None
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=20.0))
        await one.run_for(12.0)
        await one.accepted(ask.Retry(dispatch_id=running.dispatch_id))
        await one.run_for(40.0)
        first, last = fleet[2].received[0].command, fleet[2].received[-1].command
        assert isinstance(first, CommandV2)
        assert isinstance(last, CommandV2)
        assert last.valid_until > first.valid_until  # it was renewed
        assert one.core.late_acks > 0
        assert (running.ends_ms, running.ends_at) == (ends_ms, ends_at)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        assert one.clock.monotonic() == pytest.approx(ends_at, abs=0.2)


@in_virtual_time
async def test_a_spread_release_goes_out_in_no_order_of_the_fleet() -> None:
    fleet = cars(40)
    async with bench(fleet, release_ramp_s=10.0) as one:
        running = await one.active("MA", 80.0, 10.0)
        await one.over(running)
        times = [car.received[-1].at_s for car in fleet]
        assert times != sorted(times)
        assert times != sorted(times, reverse=True)
        early = sum(time <= float(np.median(times)) for time in times[:20])
        assert 0 < early < 20  # both halves of the fleet are in both halves of the ramp


@in_virtual_time
async def test_a_command_goes_by_the_table_or_stays_as_it_is() -> None:
    async with bench(cars(2)) as one:
        running = await one.active("MA", 4.0, 60.0)
        before = list(running.counts)
        for now, wanted in itertools.product(CommandState, CommandState):
            if wanted in COMMAND_TRANSITIONS[now]:
                continue
            running.command_state[:] = now
            with pytest.raises(IllegalTransitionError, match=f"{now.name} -> {wanted.name}"):
                running.set_command(0, wanted)
            with pytest.raises(IllegalTransitionError, match=f"{now.name} -> {wanted.name}"):
                running.set_commands(np.array([0, 1], np.intp), wanted)
            assert running.command_state.tolist() == [now, now]
        running.command_state[:] = CommandState.ACKED
        assert running.counts == before
