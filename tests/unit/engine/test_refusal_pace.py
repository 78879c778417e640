"""Who may not act can't fill the record by trying: of many refusals the sum is written down, and an operator's STOP goes first."""

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import RequestRefused
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.engine.refusal_pace import _MOST_PEOPLE, MOST_A_MINUTE, RefusalPace
from v2g_console.journal.port import RequestRecord

ROLES = {"access": {"roles": [{"role": "operator", "users": ["omar"]}]}}
VIC, OMAR = ask.Origin(user="vic", way="socket", detail="pid 12"), ask.Origin(user="omar", way="socket")
DISPATCH = ask.Dispatch(signal="MA", power_kw=4.0, duration_s=60.0)


def written(one: Bench, user: str) -> list[RequestRecord]:
    return [record for record in one.journal.records() if isinstance(record, RequestRecord) and record.user == user]


async def floods(one: Bench, times: int) -> None:
    for number in range(times):
        reply = await one.say(DISPATCH if number % 3 else ask.Stop(), VIC)
        assert isinstance(reply, Refused) and reply.reason is Refusal.FORBIDDEN


@in_virtual_time
async def test_a_flood_of_refused_requests_is_a_few_entries_and_a_sum() -> None:
    async with bench(cars(2), sections=ROLES) as one:
        await floods(one, 600)
        assert len(written(one, "vic")) == len(one.journal.requests) == MOST_A_MINUTE
        reply = await one.say(ask.Stop(), OMAR)
        assert isinstance(reply, Accepted)
        assert [record.outcome for record in written(one, "omar")] == ["accepted"]
        await one.run_for(62.0)
        last = written(one, "vic")[-1]
        assert (last.way, last.request, last.outcome) == ("socket", "(several)", "FORBIDDEN")
        assert last.detail == "570 more requests refused after 30 within a minute: 380 dispatch FORBIDDEN, 190 stop FORBIDDEN"
        told = [event for event in one.told if isinstance(event, RequestRefused)]
        assert len(told) == MOST_A_MINUTE + 1
        assert told[-1].message == last.detail
        await floods(one, 1)
        assert len(written(one, "vic")) == MOST_A_MINUTE + 2  # the next minute begins anew


@in_virtual_time
async def test_what_was_only_counted_is_written_down_when_the_engine_ends() -> None:
    async with bench(cars(1), sections=ROLES) as one:
        await floods(one, MOST_A_MINUTE + 3)
    assert written(one, "vic")[-1].detail.startswith("3 more requests refused")


@in_virtual_time
async def test_every_bad_line_of_a_file_of_commands_has_its_answer() -> None:
    async with bench(cars(1), sections=ROLES) as one:
        for line in range(100):
            await one.say(DISPATCH, ask.Origin(user="vic", way="commands", detail=str(line)))
        await one.run_for(0.5)
        assert [event.line for event in one.told if isinstance(event, RequestRefused)] == list(range(100))


def test_more_people_than_there_can_be_share_one_minute() -> None:
    pace = RefusalPace()
    assert all(pace.admit(f"user{n}", "socket", "stop", "FORBIDDEN", 0.0) for n in range(_MOST_PEOPLE))
    admitted = [pace.admit(f"more{n}", "socket", "stop", "FORBIDDEN", 0.0) for n in range(500)]
    assert sum(admitted) == MOST_A_MINUTE
    (said,) = pace.over(60.0)
    assert (said.user, said.count) == ("several people", 470)
    assert pace.over(1e9) == []
