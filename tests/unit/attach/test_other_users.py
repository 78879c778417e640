"""A whole engine behind a real socket, and callers who really are other users of this machine: the kernel says who they are."""
# ruff: noqa: ASYNC240  (a look at a file in a temporary folder holds nobody up here)

import asyncio
import grp
import json
import os
import pwd
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import cars
from v2g_console.attach.server import SocketServer

OWNER = pwd.getpwuid(os.getuid()).pw_name
CALLER = """
import asyncio, json, os, sys
from v2g_console.attach.client import SocketClient
from v2g_console.contract.requests import *
import msgspec
from pathlib import Path

from v2g_console.attach import client

version = client.program_version()
client.program_version = lambda: version  # another user may not be able to read where the program is installed
uid, gid, path, *lines = sys.argv[1:]
if int(uid) != os.getuid():
    os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid))

async def ask():
    async with SocketClient(Path(path)) as engine:
        for line in lines:
            request = msgspec.json.decode(line, type=Request)
            reply = await engine.request(request, Origin(user="ines", way="console", detail="trust me"))
            picture = await engine.snapshot()
            print(json.dumps({"reply": json.loads(msgspec.json.encode(reply)), "as": [picture.engine.user, picture.engine.role]}))

asyncio.run(ask())
"""


async def says(path: Path, user: str, *requests: Mapping[str, object]) -> list[dict[str, object]]:
    """What the engine answers when that user asks, in a process of its own."""
    account = pwd.getpwnam(user)
    lines = [json.dumps(request) for request in requests]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CALLER, str(account.pw_uid), str(account.pw_gid), str(path), *lines, stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def outcome(answer: dict[str, object]) -> str:
    reply = answer["reply"]
    assert isinstance(reply, dict)
    return str(reply.get("reason", "accepted"))


def told(one: Bench) -> list[tuple[str, str, str, str]]:
    return [(record.user, record.way, record.request, record.outcome) for record in one.journal.requests]


DISPATCH = {"request": "dispatch", "signal": "MA", "power_kw": 4.0, "duration_s": 60.0}
STOP, RESUME, IDENTITY = ({"request": name} for name in ("stop", "resume", "identity"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become other users")
async def test_the_kernel_says_who_asks_and_his_groups_say_what_he_may() -> None:
    group = grp.getgrgid(pwd.getpwnam("daemon").pw_gid).gr_name
    sections = {"access": {"roles": [{"role": "supervisor", "users": [OWNER]}, {"role": "operator", "groups": [group]}]}}
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        path = Path(folder) / "engine.sock"
        async with bench(cars(2), sections=sections) as one:
            server = SocketServer(one.engine, path)
            await server.start()
            Path(folder).chmod(0o755)
            path.chmod(0o666)  # as if all of them were in the socket's group
            try:
                nobody = await says(path, "nobody", IDENTITY, DISPATCH, STOP)
                daemon = await says(path, "daemon", DISPATCH, STOP, RESUME)
                owner = await says(path, OWNER, RESUME)
            finally:
                await server.close()
            assert [outcome(answer) for answer in nobody] == ["accepted", "FORBIDDEN", "FORBIDDEN"]
            assert {tuple(answer["as"]) for answer in nobody} == {("nobody", "viewer")}  # type: ignore[arg-type]  # a pair
            assert [outcome(answer) for answer in daemon] == ["accepted", "accepted", "FORBIDDEN"]
            assert {tuple(answer["as"]) for answer in daemon} == {("daemon", "operator")}  # type: ignore[arg-type]  # a pair
            assert [outcome(answer) for answer in owner] == ["accepted"]
            assert told(one) == [
                ("nobody", "socket", "dispatch", "FORBIDDEN"),
                ("nobody", "socket", "stop", "FORBIDDEN"),
                ("daemon", "socket", "dispatch", "accepted"),
                ("daemon", "socket", "stop", "accepted"),
                ("daemon", "socket", "resume", "FORBIDDEN"),
                (OWNER, "socket", "resume", "accepted"),
            ]


async def test_somebody_else_s_name_in_a_request_counts_for_nothing() -> None:
    # The bench's engine belongs to ines; whoever runs this test is somebody else, and says so in vain.
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        path = Path(folder) / "engine.sock"
        async with bench(cars(1)) as one:
            server = SocketServer(one.engine, path)
            await server.start()
            try:
                (answer,) = await says(path, OWNER, STOP)
            finally:
                await server.close()
            assert outcome(answer) == "FORBIDDEN"
            assert told(one) == [(OWNER, "socket", "stop", "FORBIDDEN")]
