"""Every request of every role: what is allowed, what is refused, what is written down."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.config import os_users
from v2g_console.config.os_lookups import MOST
from v2g_console.config.settings import AccessSettings
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Accepted, IdentityView, Refusal, Refused
from v2g_console.domain.roles import Role
from v2g_console.engine import access as access_module
from v2g_console.engine.access import ALLOWED, AUTOMATIC, GROUPS_S, Access, denied_to, needed_role
from v2g_console.engine.clock import SystemClock
from v2g_console.engine.refusal import RefusalError

PEOPLE: dict[Role, str] = {Role.VIEWER: "vic", Role.AUDITOR: "aude", Role.OPERATOR: "omar", Role.SUPERVISOR: "sven"}
ROLES = {
    "access": {
        "roles": [
            {"role": "auditor", "users": ["aude"]},
            {"role": "operator", "users": ["omar", "olga"]},
            {"role": "supervisor", "users": ["sven", "sara"]},
        ]
    }
}
KINDS: dict[str, type[ask.Request]] = {str(kind.__struct_config__.tag): kind for kind in get_args(ask.Request)}
# The policy once more, in other words than the table's, so that a slip in the table is seen.
LOOKING = {"fleet", "status", "dispatch_detail", "identity"}
FOR_SUPERVISORS = {"resume", "reset_trust", "approve", "reject"}


def as_(role: Role, way: str = "socket") -> ask.Origin:
    return ask.Origin(user=PEOPLE[role], way=way)


def example(name: str) -> ask.Request:
    """Some request of that kind: every field that has no default is given something."""
    kind = KINDS[name]
    values: dict[str, Any] = {"signal": "FCR", "power_kw": 5.0, "duration_s": 60.0, "revision": 1, "idle_s": 600.0}
    return kind(**{field.name: values.get(field.name, "x") for field in msgspec.structs.fields(kind) if field.required})


def latched(one: Bench) -> bool:
    return one.core.stop.stopped


def test_every_request_has_a_place_in_the_table() -> None:
    assert set(KINDS) == set(ALLOWED[Role.SUPERVISOR])


def test_a_higher_role_may_all_that_a_lower_one_may() -> None:
    for lower, higher in zip(list(Role), list(Role)[1:], strict=False):
        assert ALLOWED[lower] <= ALLOWED[higher]


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize("role", list(Role))
@in_virtual_time
async def test_role_by_request(role: Role, name: str) -> None:
    async with bench(cars(1), sections=ROLES) as one:
        before = len(one.journal.requests)
        reply = await one.say(example(name), as_(role))
        refused = isinstance(reply, Refused) and reply.reason is Refusal.FORBIDDEN
        assert refused == (name not in ALLOWED[role]), reply
        if refused:
            assert isinstance(reply, Refused)
            assert f"needs the role {needed_role(name).value}; {PEOPLE[role]} is {role.value}" in reply.message
            told = one.journal.requests[before:]
            assert [(r.user, r.way, r.request, r.outcome) for r in told] == [(PEOPLE[role], "socket", name, "FORBIDDEN")]
            assert one.core.running == {}
            assert not one.core.stop.stopped


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_who_looks_never_acts(role: Role) -> None:
    acting = {name for name, kind in KINDS.items() if kind not in ask.LOOKS_ONLY}
    assert not ALLOWED[role] & acting


def test_the_policy_in_words() -> None:
    assert ALLOWED[Role.VIEWER] >= LOOKING
    assert "plan" not in ALLOWED[Role.VIEWER]
    assert {"stop", "dispatch", "operate", "cancel", "ack_alarm"} <= ALLOWED[Role.OPERATOR]
    assert not FOR_SUPERVISORS & ALLOWED[Role.OPERATOR]
    assert ALLOWED[Role.SUPERVISOR] >= FOR_SUPERVISORS
    assert {needed_role(name) for name in FOR_SUPERVISORS} == {Role.SUPERVISOR}
    assert needed_role("stop") is Role.OPERATOR


@pytest.mark.parametrize("way", ["console", "commands", "cli", "socket"])
@in_virtual_time
async def test_no_way_goes_round_the_roles(way: str) -> None:
    async with bench(cars(1), sections=ROLES) as one:
        for request in (ask.Dispatch(signal="MA", power_kw=5.0, duration_s=60.0), ask.Stop()):
            reply = await one.say(request, as_(Role.VIEWER, way))
            assert isinstance(reply, Refused)
            assert reply.reason is Refusal.FORBIDDEN


@in_virtual_time
async def test_stop_is_for_operators_too_and_resuming_is_not() -> None:
    async with bench(cars(1), sections=ROLES) as one:
        assert isinstance(await one.say(ask.Stop(), as_(Role.OPERATOR)), Accepted)
        reply = await one.say(ask.Resume(), as_(Role.OPERATOR))
        assert isinstance(reply, Refused)
        assert reply.reason is Refusal.FORBIDDEN
        assert latched(one)
        assert isinstance(await one.say(ask.Resume(), as_(Role.SUPERVISOR)), Accepted)
        assert not latched(one)
        told = [(r.user, r.request, r.outcome) for r in one.journal.requests]
        assert told == [("omar", "stop", "accepted"), ("omar", "resume", "FORBIDDEN"), ("sven", "resume", "accepted")]


@in_virtual_time
async def test_without_roles_only_who_started_the_engine_acts() -> None:
    async with bench(cars(1)) as one:
        reply = await one.say(ask.Stop(), ask.Origin(user="root", way="socket"))
        assert isinstance(reply, Refused)
        assert "only ines, who started the engine, may act" in reply.hint
        identity = (await one.accepted(ask.Identity())).result
        assert isinstance(identity, IdentityView)
        assert (identity.user, identity.role, identity.denied) == ("ines", "supervisor", {})
        assert "resume" in identity.may


@in_virtual_time
async def test_identity_says_what_is_denied_and_who_may_and_is_not_written_down() -> None:
    async with bench(cars(1), sections=ROLES) as one:
        reply = await one.say(ask.Identity(), as_(Role.OPERATOR))
        assert isinstance(reply, Accepted)
        assert isinstance(reply.result, IdentityView)
        assert reply.result.denied == denied_to(Role.OPERATOR)
        assert reply.result.denied["resume"] == "supervisor"
        assert not set(reply.result.may) & set(reply.result.denied)
        seen = reply.result.seeing((await one.engine.snapshot()).engine)
        assert (seen.user, seen.role, seen.denied) == ("omar", "operator", reply.result.denied)
        assert one.journal.requests == []


@in_virtual_time
async def test_the_snapshot_shows_the_owner_and_her_role() -> None:
    async with bench(cars(1), sections=ROLES) as one:
        engine = (await one.engine.snapshot()).engine
        assert (engine.user, engine.role) == ("ines", "viewer")
        assert engine.denied == denied_to(Role.VIEWER)


@in_virtual_time
async def test_a_lock_and_its_end_are_written_down() -> None:
    async with bench(cars(1)) as one:
        await one.accepted(ask.Lock(idle_s=600.0))
        await one.accepted(ask.Unlock())
        told = [(r.user, r.request, r.outcome, r.detail) for r in one.journal.requests]
        assert told == [("ines", "lock", "accepted", "nobody touched the console for 600 s"), ("ines", "unlock", "accepted", "")]


@in_virtual_time
async def test_the_engine_s_own_signal_sources_act_as_operators_whatever_the_roles() -> None:
    async with bench(cars(2), sections=ROLES) as one:
        source = ask.Origin(user="schedule", way=AUTOMATIC)
        assert isinstance(await one.say(ask.Dispatch(signal="MA", power_kw=4.0, duration_s=60.0), source), Accepted)
        assert isinstance(await one.say(ask.Resume(), source), Refused)


# Groups


class Directory:
    """Groups of people, as slow as told."""

    def __init__(self, **groups: set[str]) -> None:
        self.groups, self.asked = groups, 0
        self.fails = False
        self.answer = threading.Event()
        self.answer.set()

    def __call__(self, user: str) -> frozenset[str]:
        self.asked += 1
        assert self.answer.wait(30)
        if self.fails:
            raise OSError("the directory is down")
        return frozenset(self.groups.get(user, set()))


class Hand(SystemClock):
    """A clock that is put on by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def by_groups(directory: Callable[[str], frozenset[str]], clock: SystemClock | None = None) -> Access:
    settings = AccessSettings.model_validate(
        {
            "roles": [
                {"role": "viewer", "users": ["vic"]},
                {"role": "operator", "groups": ["ops"]},
                {"role": "auditor", "groups": ["audit"]},
                {"role": "supervisor", "groups": ["leads"], "users": ["sven"]},
            ]
        }
    )
    return Access(settings, clock or SystemClock(), "root", groups=directory)


async def role(access: Access, user: str) -> Role:
    return await access.role_of(ask.Origin(user=user, way="socket"))


async def test_a_person_s_own_entry_counts_more_than_groups_and_of_groups_the_highest() -> None:
    access = by_groups(
        Directory(vic={"leads"}, omar={"ops", "users"}, both={"audit", "ops"}, all={"audit", "ops", "leads"}, none={"users"})
    )
    found = [await role(access, user) for user in ("vic", "omar", "both", "all", "none", "stranger", "sven")]
    assert found == [Role.VIEWER, Role.OPERATOR, Role.OPERATOR, Role.SUPERVISOR, Role.VIEWER, Role.VIEWER, Role.SUPERVISOR]


async def test_groups_are_asked_once_and_again_when_they_may_have_changed() -> None:
    directory, clock = Directory(omar={"ops"}), Hand()
    access = by_groups(directory, clock)
    assert await asyncio.gather(*(role(access, "omar") for _ in range(50))) == [Role.OPERATOR] * 50
    assert directory.asked == 1
    directory.groups["omar"] = set()
    clock.now += GROUPS_S - 1.0
    assert await role(access, "omar") is Role.OPERATOR
    clock.now += 2.0
    assert await role(access, "omar") is Role.VIEWER
    assert directory.asked == 2


async def test_a_directory_that_is_down_leaves_the_last_known_role_and_gives_a_stranger_none() -> None:
    directory, clock = Directory(omar={"ops"}), Hand()
    access = by_groups(directory, clock)
    assert await role(access, "omar") is Role.OPERATOR
    directory.fails = True
    clock.now += GROUPS_S + 1.0
    assert await role(access, "omar") is Role.OPERATOR
    assert await role(access, "olga") is Role.VIEWER


async def test_a_directory_that_hangs_holds_nobody_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module, "LOOKUP_S", 0.02)
    directory = Directory(olga={"ops"})
    access = by_groups(directory)
    directory.answer.clear()
    with pytest.raises(RefusalError, match="olga is viewer"):
        await access.check("stop", ask.Origin(user="olga", way="socket"))
    assert await role(access, "sven") is Role.SUPERVISOR  # named people wait for no directory
    directory.answer.set()
    await asyncio.wait_for(next(iter(access._looking.values())).task, 30)
    assert await role(access, "olga") is Role.OPERATOR
    assert directory.asked == 1
    await access.close()


async def test_a_name_that_nobody_has_is_told_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    access = Access(
        AccessSettings.model_validate({"roles": [{"role": "supervisor", "users": ["root", "no-such-user"], "groups": ["no-such-group"]}]}),
        SystemClock(),
        "root",
    )
    await access.get_ready()
    assert [record.getMessage() for record in caplog.records] == [
        "access.roles: this machine knows no user no-such-user",
        "access.roles: this machine knows no group no-such-group",
    ]


async def numbered(access: Access, monkeypatch: pytest.MonkeyPatch, **groups: int) -> None:
    """The engine has read /etc/group, in which these groups are, and no directory answers beyond that."""

    def local_ids(database: Path, names: frozenset[str]) -> dict[str, int]:
        return {name: number for name, number in (groups if database == os_users.GROUPS else {"sven": 3000}).items() if name in names}

    def hangs(names: frozenset[str]) -> dict[str, int]:
        raise OSError("the directory is down")

    monkeypatch.setattr(os_users, "local_ids", local_ids)
    monkeypatch.setattr(os_users, "user_ids", hangs)
    await access.get_ready()


def caller(user: str, uid: int, *gids: int) -> ask.Origin:
    return ask.Origin(user=user, way="socket", credentials=ask.Credentials(uid=uid, gids=gids))


async def test_a_stop_at_first_contact_waits_for_no_directory_if_the_kernel_knows_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Directory(omar={"ops"})
    access = by_groups(directory)
    await numbered(access, monkeypatch, ops=1200, leads=1300, audit=1400)
    monkeypatch.setattr(access_module, "LOOKUP_S", 0.02)
    directory.answer.clear()
    await access.check("stop", caller("omar", 2001, 100, 1200))
    await access.check("cancel", caller("uid:2002", 2002, 1300))
    for refused in (caller("aude", 2003, 100, 1400), caller("nobody", 2004), ask.Origin(user="omar2", way="socket")):
        with pytest.raises(RefusalError, match="stop needs the role operator"):
            await access.check("stop", refused)
    with pytest.raises(RefusalError, match="dispatch needs the role operator"):
        await access.check("dispatch", caller("omar", 2001, 1200))  # only what ends something goes by the kernel's word
    directory.answer.set()
    await access.close()


async def test_who_is_named_in_the_configuration_stops_also_while_his_name_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    access = by_groups(Directory())
    await numbered(access, monkeypatch, ops=1200)
    await access.check("stop", caller("uid:3000", 3000))  # sven
    with pytest.raises(RefusalError, match="uid:3001 is viewer"):
        await access.check("stop", caller("uid:3001", 3001))
    await access.close()


async def test_a_name_in_the_configuration_and_a_fresh_answer_of_the_directory_count_more_than_the_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    access = by_groups(Directory(gone=set()))
    await numbered(access, monkeypatch, ops=1200)
    assert await role(access, "gone") is Role.VIEWER
    for refused in (caller("vic", 2005, 1200), caller("gone", 2006, 1200)):
        with pytest.raises(RefusalError, match="stop needs the role operator"):
            await access.check("stop", refused)
    await access.close()


async def test_look_ups_that_hang_leave_the_threads_of_all_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module, "LOOKUP_S", 0.02)
    directory = Directory()
    access = by_groups(directory)
    directory.answer.clear()
    assert {await role(access, f"user{n}") for n in range(50)} == {Role.VIEWER}
    assert directory.asked == MOST
    # As many others at once as asyncio's own pool has threads: none of them waits for the directory.
    barrier = threading.Barrier(min(32, (os.cpu_count() or 1) + 4))
    await asyncio.wait_for(asyncio.gather(*(asyncio.to_thread(barrier.wait, 30) for _ in range(barrier.parties))), 30)
    directory.answer.set()
    await access.close()
