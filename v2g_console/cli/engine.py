"""Talking to a running engine: find its socket, ask, say clearly why not."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import msgspec

from v2g_console.attach.errors import EngineNotRunningError
from v2g_console.config.load import load_for_client
from v2g_console.config.settings import Settings, SocketSettings
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Accepted, Refused, Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.domain.text import visible

Talk = Callable[[EnginePort], Awaitable[int]]


def talk_to_engine(settings: Settings, socket_file: Path | None, talk: Talk, hint: str = "") -> int:
    """Connect to the engine and return what `talk` returns; NO_LINK with one line if there is no engine, or it goes away."""
    from v2g_console.attach.client import SocketClient
    from v2g_console.attach.paths import find_socket

    async def connected(path: Path) -> int:
        async with SocketClient(path) as engine:
            return await talk(engine)

    try:
        return asyncio.run(connected(socket_file if socket_file is not None else find_socket(settings.socket)))
    except BrokenPipeError:
        raise  # our own output, not the engine's socket: its client turns those into EngineGoneError
    except EngineNotRunningError as error:
        beside = _demos_beside(settings.socket) if socket_file is None else ""
        click.echo(visible(f"{error}{hint}{beside}"), err=True)
        return ExitCode.NO_LINK
    except ConnectionError as error:
        click.echo(visible(str(error)), err=True)
        return ExitCode.NO_LINK


def _demos_beside(settings: SocketSettings) -> str:
    """How to ask the demos that run; it is never done unasked, since a STOP that was meant for an engine must not end up in one."""
    from v2g_console.attach.paths import running_demos

    try:
        demos = running_demos(settings)
    except ConnectionError:  # a place that no socket can have: said already
        return ""
    if not demos:
        return ""
    which = "a demo is running: to ask it, add" if len(demos) == 1 else f"{len(demos)} demos are running: to ask one, add"
    return f". But {which} " + " or ".join(f"--socket {shlex.quote(str(path))}" for path in demos)


def ask(
    config_path: Path | None, socket_file: Path | None, request: Request, as_json: bool, answer_lines: Callable[[Accepted], list[str]]
) -> int:
    """One request, one answer: as JSON, or as the lines that `answer_lines` makes of it. A refusal ends with REFUSED."""

    async def talk(engine: EnginePort) -> int:
        reply = await engine.request(request, caller())
        if as_json:
            print_json(reply)
        elif isinstance(reply, Accepted):
            print_lines(answer_lines(reply))
        return refused(reply, as_json) if isinstance(reply, Refused) else ExitCode.DONE

    return talk_to_engine(load_for_client(config_path), socket_file, talk)


def caller() -> Origin:
    """Who asks. An engine behind a socket takes the user from the kernel instead."""
    from v2g_console.config.os_users import own_user

    return Origin(user=own_user(), way="cli")


def refused(reply: Refused, as_json: bool) -> ExitCode:
    """Say why (JSON has said it already) and give the exit code."""
    if not as_json:
        hint = f"; {visible(reply.hint)}" if reply.hint else ""
        click.echo(f"refused ({reply.reason}): {visible(reply.message)}{hint}", err=True)
    return ExitCode.REFUSED


def print_json(reply: Reply) -> None:
    """The contract's JSON on one line."""
    click.echo(msgspec.json.encode(reply).decode())


def print_lines(lines: list[str]) -> None:
    """Lines on standard output."""
    click.echo("\n".join(lines))
