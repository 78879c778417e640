"""The window, the outcomes and the retries, on a connection that does what the test says."""

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest

from v2g_console.transport.aiomqtt_private import DirectConnection, Negotiated
from v2g_console.transport.mqtt_frames import FrameError
from v2g_console.transport.port import Outgoing, PublishOutcome
from v2g_console.transport.publisher import Publisher

SENT, FAILED, DROPPED, REFUSED = PublishOutcome.SENT, PublishOutcome.FAILED, PublishOutcome.DROPPED, PublishOutcome.REFUSED


class Wire:
    """A connection that only notes what it was given."""

    def __init__(self, receive_maximum: int | None = None) -> None:
        self.negotiated = Negotiated(receive_maximum=receive_maximum)
        self.room = True
        self.sent: list[Outgoing] = []

    def send(self, message: Outgoing) -> int:
        if message.topic == "bad":
            raise FrameError("bad topic")
        self.sent.append(message)
        return len(self.sent) if message.qos else 0


class Bench:
    """A publisher with a clock to move."""

    def __init__(self, window: int = 10, max_retries: int = 1, receive_maximum: int | None = None) -> None:
        self.now_s = 100.0
        self.wire = Wire(receive_maximum)
        self.publisher = Publisher(window, max_retries, 0.2, monotonic=lambda: self.now_s, random=lambda: 0.0)
        self.publisher.attach(cast(DirectConnection, self.wire))
        self.outcomes: dict[int, PublishOutcome] = {}

    def bulk(self, messages: Iterator[Outgoing]) -> asyncio.Task[None]:
        return asyncio.create_task(self.publisher.publish_many(messages, self.outcomes.__setitem__))


def messages(count: int, qos: int = 1) -> Iterator[Outgoing]:
    return (Outgoing(f"t/{position}", b"", qos) for position in range(count))


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("receive_maximum", "in_flight"), [(None, 10), (4, 4), (1000, 10)])
async def test_never_more_in_flight_than_the_window_and_the_broker_allow(receive_maximum: int | None, in_flight: int) -> None:
    bench = Bench(receive_maximum=receive_maximum)
    bulk = bench.bulk(messages(100))
    for mid in range(1, 101):
        await turns(3)
        assert bench.publisher.in_flight <= in_flight
        assert len(bench.wire.sent) == min(100, mid - 1 + in_flight)
        bench.publisher.on_puback(mid, 0)
    await bulk
    assert bench.outcomes == dict.fromkeys(range(100), SENT)


async def test_a_lost_connection_fails_what_is_in_flight_and_drops_the_rest_at_once() -> None:
    bench = Bench()
    bulk = bench.bulk(messages(25))
    await turns()
    bench.publisher.on_puback(1, 0)
    await turns()
    bench.publisher.detach()
    assert list(bench.outcomes.values()).count(FAILED) == 10
    assert list(bench.outcomes.values()).count(DROPPED) == 14
    await bulk
    assert await bench.publisher.publish(Outgoing("t", b"", 1)) is DROPPED
    assert (bench.publisher.counts.sent, bench.publisher.counts.failed) == (1, 25)


async def test_a_late_acknowledgement_of_a_lost_connection_changes_nothing() -> None:
    bench = Bench()
    bulk = bench.bulk(messages(3))
    await turns()
    bench.publisher.detach()
    bench.publisher.on_puback(1, 0)
    await bulk
    assert set(bench.outcomes.values()) == {FAILED}


async def test_a_silent_broker_is_overdue_then_tried_again_then_failed() -> None:
    bench = Bench(max_retries=1)
    bulk = bench.bulk(messages(1))
    await turns()
    seen = [bench.publisher.overdue]
    bench.now_s += 3.0
    seen.append(bench.publisher.overdue)
    bench.publisher.tick()
    await turns()
    seen.append(bench.publisher.overdue)
    assert seen == [False, True, True], "sent again, but still silent"
    assert [message.topic for message in bench.wire.sent] == ["t/0", "t/0"]
    bench.now_s += 3.0
    bench.publisher.tick()
    await bulk
    assert bench.outcomes == {0: FAILED}


async def test_refusals_are_final_but_a_quota_is_tried_again() -> None:
    bench = Bench(max_retries=1)
    bulk = bench.bulk(messages(2))
    await turns()
    bench.publisher.on_puback(1, 0x87)
    bench.publisher.on_puback(2, 0x97)
    await turns()
    assert len(bench.wire.sent) == 3
    bench.publisher.on_puback(3, 0x97)
    await bulk
    assert bench.outcomes == {0: REFUSED, 1: REFUSED}
    assert bench.publisher.counts.refused == 2


async def test_a_single_message_overtakes_a_bulk() -> None:
    bench = Bench(window=2)
    bulk = bench.bulk(messages(50))
    await turns()
    stop = asyncio.create_task(bench.publisher.publish(Outgoing("stop", b"", 1)))
    await turns()
    bench.publisher.on_puback(1, 0)
    await turns()
    assert bench.wire.sent[-1].topic == "stop"
    bench.publisher.on_puback(3, 0)
    assert await stop is SENT
    bench.publisher.detach()
    await bulk


async def test_what_may_not_be_sent_is_dropped_and_the_rest_goes_on() -> None:
    bench = Bench()
    await bench.bulk(iter([Outgoing("t", b"", 0), Outgoing("bad", b"", 0), Outgoing("t", b"", 0)]))
    assert bench.outcomes == {0: SENT, 1: DROPPED, 2: SENT}


async def test_errors_of_the_caller_come_back_to_the_caller() -> None:
    bench = Bench()

    def broken() -> Iterator[Outgoing]:
        yield Outgoing("t", b"", 0)
        raise KeyError("row")

    with pytest.raises(KeyError):
        await bench.bulk(broken())

    def fail(_position: int, _outcome: PublishOutcome) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bench.publisher.publish_many(messages(2, 0), fail)
    assert await bench.publisher.publish(Outgoing("t", b"", 0)) is SENT


async def test_a_full_connection_is_waited_for() -> None:
    bench = Bench(window=1000)
    bench.wire.room = False
    bulk = bench.bulk(messages(300, 0))
    await turns()
    assert bench.wire.sent == []
    bench.wire.room = True
    bench.publisher.on_drained()
    await bulk
    assert len(bench.outcomes) == 300


async def test_an_empty_bulk_ends_at_once() -> None:
    bench = Bench()
    await bench.bulk(messages(0))
    assert bench.outcomes == {}


async def test_a_command_is_not_repeated_after_a_newer_one_went_out_on_its_topic() -> None:
    bench = Bench(max_retries=3)
    topic = "vehicle/veh-1/command"
    older = bench.bulk(iter([Outgoing(topic, b"setpoint", 1)]))
    await turns()
    newer = asyncio.create_task(bench.publisher.publish(Outgoing(topic, b"release", 1)))
    await turns()
    bench.publisher.on_puback(2, 0)
    assert await newer is SENT
    bench.now_s += 4.0
    bench.publisher.tick()
    await older
    assert bench.outcomes == {0: FAILED}
    assert [message.payload for message in bench.wire.sent] == [b"setpoint", b"release"]


async def test_what_is_repeated_has_what_is_left_of_its_time_and_is_not_repeated_without_any() -> None:
    bench = Bench(max_retries=5)
    bulk = bench.bulk(iter([Outgoing("t", b"", 1, expiry_s=5.0), Outgoing("release", b"", 1, expiry_s=5.0, expiry_anew=True)]))
    for _ in range(3):
        await turns()
        bench.now_s += 3.0
        bench.publisher.tick()
    await turns()
    sent = [(message.topic, message.expiry_s) for message in bench.wire.sent]
    assert [left_s for topic, left_s in sent if topic == "t"] == [5.0, 2.0], "the third time it would be too late"
    assert [left_s for topic, left_s in sent if topic == "release"] == [5.0] * 4, "that may arrive late"
    assert bench.outcomes == {0: FAILED}
    assert bench.publisher.counts.failed == 1
    bench.publisher.on_puback(len(sent), 0)
    await bulk
    assert bench.outcomes == {0: FAILED, 1: SENT}


async def test_what_is_too_late_already_is_not_sent_and_counted() -> None:
    bench = Bench()
    await bench.bulk(iter([Outgoing("t", b"", 0, expiry_s=0.0), Outgoing("t", b"", 0, expiry_s=-0.5), Outgoing("t", b"", 0)]))
    assert bench.outcomes == {0: DROPPED, 1: DROPPED, 2: SENT}
    assert len(bench.wire.sent) == 1
    assert bench.publisher.counts.failed == 2
