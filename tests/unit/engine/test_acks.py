"""Acknowledgements: early, late, twice, from the wrong vehicle, for nobody, and those that say no."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import DispatchDetailView
from v2g_console.domain.ids import command_id
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.core import Core
from v2g_console.journal.port import AcksRecord
from v2g_console.transport.port import PublishOutcome
from v2g_console.transport.wire import Ack

C = CommandState


def _odd(core: Core) -> int:
    return core.unknown_acks + core.late_acks + core.mismatched_acks + core.duplicate_acks


@pytest.mark.parametrize("answer_s", [0.0, 0.001])
@pytest.mark.parametrize("protocol", [1, 2])
@in_virtual_time
async def test_an_ack_may_come_before_the_broker_s_receipt(answer_s: float, protocol: int) -> None:
    async with bench(cars(4, protocol, answer_s=answer_s)) as one:
        one.link.puback_s = 0.5
        running = await one.active("MA", 8.0)
        assert running.counts[C.ACKED] == 4
        assert one.core.unknown_acks == 0
        await one.run_for(1.0)
        assert running.counts[C.ACKED] == 4


@in_virtual_time
async def test_an_ack_before_a_failed_receipt_stands() -> None:
    async with bench(cars(2, answer_s=0.0)) as one:
        one.link.broker_says, one.link.failed_arrives = {"veh000000": PublishOutcome.FAILED}, True
        running = await one.active("MA", 4.0)
        assert running.counts[C.ACKED] == 2


@in_virtual_time
async def test_a_silent_vehicle_is_asked_again_byte_for_byte() -> None:
    fleet = cars(2)
    fleet[0].answer = Answer.NEVER
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0)
        assert len(fleet[0].received) == 1 + one.settings.dispatch.retries
        assert len({received.payload for received in fleet[0].received}) == 1
        assert len(fleet[1].received) == 1
        step_s = one.settings.dispatch.ack_timeout_seconds / (one.settings.dispatch.retries + 1)
        gaps = [after.at_s - before.at_s for before, after in zip(fleet[0].received, fleet[0].received[1:], strict=False)]
        assert gaps == pytest.approx([step_s] * len(gaps), abs=0.1)
        assert running.counts[C.TIMED_OUT] == 1
        assert running.reason[0] == Reason.ACK_TIMEOUT


@in_virtual_time
async def test_a_late_ack_upgrades_a_silent_vehicle() -> None:
    fleet = cars(2)
    fleet[0].answer_s = 8.0
    async with bench(fleet, retries=0) as one:
        running = await one.active("MA", 4.0)
        assert running.counts[C.TIMED_OUT] == 1
        await one.run_for(5.0)
        assert running.counts[C.ACKED] == 2
        assert one.core.late_acks == 1
        assert running.reason[0] == Reason.NONE
        assert running.state is DispatchState.ACTIVE
        assert one.view(running).acknowledged_kw == pytest.approx(4.0)


@in_virtual_time
async def test_a_second_ack_counts_as_duplicate_and_changes_nothing() -> None:
    async with bench(cars(3, 2, answer=Answer.TWICE)) as one:
        running = await one.active("MA", 6.0)
        await one.run_for(1.0)
        assert one.core.duplicate_acks == 3
        assert running.counts[C.ACKED] == 3


@in_virtual_time
async def test_an_ack_on_another_vehicle_s_topic_counts_for_nobody() -> None:
    fleet = cars(2)
    fleet[0].answer = Answer.OTHERS_TOPIC
    async with bench(fleet, retries=0) as one:
        running = await one.active("MA", 4.0)
        assert running.command_state.tolist() == [C.TIMED_OUT, C.ACKED]
        assert one.core.mismatched_acks == 1


@pytest.mark.parametrize(
    "identity",
    [
        "0" * 32 + "-1795441129000-0",
        "nonsense",
        "-1-1",
        "a-b-c",
        "{id}-{seq}-99",
        "{id}-{seq}-999999999",
        "{id}-{seq}-9999999999999",
        "{id}-0-0",
        "{id}-{seq}--1",
        "{id}-{seq}-0-0",
    ],
)
@in_virtual_time
async def test_an_ack_for_nobody_is_counted_and_harmless(identity: str) -> None:
    fleet = cars(1, answer=Answer.NEVER)
    async with bench(fleet, retries=0) as one:
        running = await one.dispatch("MA", 2.0)
        await one.until(lambda: running.counts[C.PUBLISHED] == 1)
        before = _odd(one.core)
        one.link.acknowledge(fleet[0], Ack(identity.format(id=running.dispatch_id, seq=int(running.seq[0]))))
        assert _odd(one.core) == before + 1
        assert running.counts[C.PUBLISHED] == 1


@pytest.mark.parametrize(
    ("answer", "said", "reason"),
    [
        (Answer.REJECTED, "FAULT", Reason.FAULT),
        (Answer.REJECTED, "", Reason.UNKNOWN),
        (Answer.EXPIRED, "", Reason.EXPIRED),
        (Answer.SUPERSEDED, "", Reason.STALE_SEQ),
    ],
)
@in_virtual_time
async def test_a_refusal_counts_at_once_and_carries_its_reason(answer: Answer, said: str, reason: Reason) -> None:
    fleet = cars(2, 2)
    fleet[0].answer, fleet[0].reason = answer, said
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0)
        assert running.command_state.tolist() == [C.REJECTED, C.ACKED]
        assert running.reason[0] == reason
        view = one.view(running)
        assert view.acknowledged_kw == pytest.approx(2.0)
        assert view.uncertain_kw == 0.0
        assert len(fleet[0].received) == 1


@in_virtual_time
async def test_a_vehicle_s_own_words_are_kept_but_made_harmless() -> None:
    fleet = cars(1, 2)
    fleet[0].answer, fleet[0].reason = Answer.REJECTED, "\x1b]0;owned\x07 Fahrer\u202e sagt nein"
    async with bench(fleet) as one:
        running = await one.dispatch("MA", 2.0)
        await one.until(lambda: running.counts[C.REJECTED] == 1)
        detail = (await one.accepted(ask.DispatchDetail(dispatch_id=running.dispatch_id))).result
        assert isinstance(detail, DispatchDetailView)
        assert detail.rows[0].reason == "UNKNOWN"
        assert "sagt nein" in detail.rows[0].reason_text
        assert detail.rows[0].reason_text.isprintable()


@in_virtual_time
async def test_a_limited_vehicle_counts_with_what_it_applies() -> None:
    fleet = cars(2, 2)
    fleet[0].answer, fleet[0].limit_kw, fleet[0].reason = Answer.LIMITED, 1.5, "SOC_FLOOR"
    async with bench(fleet) as one:
        running = await one.active("MA", 6.0)
        assert running.command_state.tolist() == [C.LIMITED, C.ACKED]
        assert running.reason[0] == Reason.SOC_FLOOR
        assert one.view(running).acknowledged_kw == pytest.approx(4.5)


@in_virtual_time
async def test_accepted_with_another_power_is_limited() -> None:
    fleet = cars(1, 2, answer=Answer.NEVER)
    async with bench(fleet, retries=0) as one:
        running = await one.dispatch("MA", 2.0)
        await one.until(lambda: running.counts[C.PUBLISHED] == 1)
        one.link.acknowledge(fleet[0], Ack(command_id(running.dispatch_id, int(running.seq[0]), 0), "accepted", 1.0))
        assert running.counts[C.LIMITED] == 1


@in_virtual_time
async def test_a_local_override_after_an_ack_is_a_rejection_and_is_released_all_the_same() -> None:
    fleet = cars(1, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 2.0, 20.0)
        one.link.acknowledge(fleet[0], Ack(command_id(running.dispatch_id, int(running.seq[0]), 0), "rejected", None, "LOCAL_OVERRIDE"))
        assert running.counts[C.REJECTED] == 1
        assert running.reason[0] == Reason.LOCAL_OVERRIDE
        await one.over(running)
        assert fleet[0].received[-1].release


@in_virtual_time
async def test_each_ack_is_journalled_once() -> None:
    async with bench(cars(3, answer=Answer.TWICE)) as one:
        await one.active("MA", 6.0)
        await one.run_for(0.2)
        acks = [record for record in one.journal.records() if isinstance(record, AcksRecord)]
        assert sorted(vehicle_id for record in acks for vehicle_id in record.vehicle_ids) == ["veh000000", "veh000001", "veh000002"]
        assert {int(state) for record in acks for state in record.state} == {C.ACKED}


@in_virtual_time
async def test_an_ack_of_an_owed_vehicle_for_an_old_setpoint_is_a_sign_of_life() -> None:
    car = Car("veh000000", answer=Answer.NEVER, reports=False)
    async with bench([car]) as one:
        car.reports = True
        one.link.report(car)
        car.reports = False
        running = await one.dispatch("MA", 2.0, 10.0)
        await one.over(running)
        assert len(one.engine._owed) == 1
        await one.run_for(10.0)
        before, car.answer = len(car.received), Answer.YES
        one.link.acknowledge(car, Ack(car.received[0].command.command_id))
        await one.run_for(1.0)
        assert len(car.received) > before
        assert len(one.engine._owed) == 0
