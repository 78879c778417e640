"""A port with limits: what hangs is told as hanging, what is only slow gets its time."""

import asyncio

import pytest

from tests.console.fake_port import FakePort
from v2g_console.attach.timed import TimedPort
from v2g_console.console.model import ConsoleModel
from v2g_console.contract.replies import Accepted
from v2g_console.contract.requests import Origin, Status

ANA = Origin(user="ana", way="console")


async def test_what_comes_in_time_is_passed_on() -> None:
    port = FakePort()
    timed = TimedPort(port, look_s=5.0, request_s=5.0)
    assert (await timed.snapshot()).summary.vehicles == 200
    assert (await timed.events(0, 0.0)).events == ()
    assert isinstance(await timed.request(Status(), ANA), Accepted)


async def test_a_picture_that_does_not_come_is_given_up_and_asked_for_again() -> None:
    port = FakePort()
    port.gate = asyncio.Event()
    timed = TimedPort(port, look_s=0.02)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.02 s: it hangs"):
        await timed.snapshot()
    assert port.snapshots_running == 0, "the question was taken back"
    port.gate.set()
    assert (await timed.snapshot()).summary.vehicles == 200


async def test_an_engine_that_hangs_is_silent_rather_than_gone() -> None:
    port = FakePort()
    now = [100.0]
    model = ConsoleModel(TimedPort(port, look_s=0.02), ANA, lambda: now[0])
    assert await model.pull()
    port.gate, port.gone = asyncio.Event(), ""
    now[0] += 10.0
    assert not await model.pull()
    assert model.contact().late and model.contact().problem == ""


async def test_a_request_that_hangs_is_given_up() -> None:
    class Hanging(FakePort):
        async def request(self, *_: object) -> Accepted:
            await asyncio.Event().wait()
            raise AssertionError("never")

    with pytest.raises(TimeoutError, match=r"no answer within 0\.02 s"):
        await TimedPort(Hanging(), request_s=0.02).request(Status(), ANA)


async def test_what_goes_wrong_otherwise_stays_what_it_is() -> None:
    port = FakePort()
    port.gone = "it hung up"
    with pytest.raises(ConnectionError, match="it hung up"):
        await TimedPort(port).snapshot()
