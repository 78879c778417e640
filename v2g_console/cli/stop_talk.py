"""The talk with the engine behind `stop`: press it, and with --wait follow the releases until all have answered or are silent."""

import asyncio
import time
from pathlib import Path

import click

from v2g_console.cli.engine import ask, caller, print_json, print_lines, refused, talk_to_engine
from v2g_console.cli.stop_text import pressed_line, silent_lines, stop_lines
from v2g_console.config.load import load_for_client
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Accepted, Refused, Reply
from v2g_console.contract.requests import Stop, StopList
from v2g_console.contract.stop import StopView

_LOOK_EVERY_S = 0.25


def stop(config_path: Path | None, socket_file: Path | None, reason: str, as_json: bool) -> int:
    """Press STOP and return at once."""
    return ask(config_path, socket_file, Stop(reason=reason), as_json, lambda reply: [pressed_line(reply.result)])


def list_silent(config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Print how far a STOP has come; UNDER_ACKNOWLEDGED if somebody is silent."""

    async def talk(engine: EnginePort) -> int:
        return _told(await engine.request(StopList(), caller()), as_json)

    return talk_to_engine(load_for_client(config_path), socket_file, talk)


def stop_and_wait(config_path: Path | None, socket_file: Path | None, reason: str, timeout_s: float, as_json: bool) -> int:
    """Press STOP, wait until nobody is waited for (at most `timeout_s` seconds), print who is silent.

    Returns UNDER_ACKNOWLEDGED if anybody has not confirmed by then.
    """

    async def talk(engine: EnginePort) -> int:
        reply = await engine.request(Stop(reason=reason), caller())
        if isinstance(reply, Refused):
            return _told(reply, as_json)
        if not as_json:
            click.echo(pressed_line(reply.result))
        until = time.monotonic() + timeout_s
        while isinstance(reply, Accepted) and isinstance(reply.result, StopView) and reply.result.waiting and time.monotonic() < until:
            await asyncio.sleep(_LOOK_EVERY_S)
            reply = await engine.request(StopList(), caller())
        return _told(reply, as_json)

    return talk_to_engine(load_for_client(config_path), socket_file, talk)


def _told(reply: Reply, as_json: bool) -> int:
    """Print the state of a STOP; the exit code that goes with it."""
    if as_json:
        print_json(reply)
    if isinstance(reply, Refused):
        return refused(reply, as_json)
    if not isinstance(reply.result, StopView):
        click.echo("the engine sent no list", err=True)
        return ExitCode.FAILED
    if not as_json:
        print_lines([*stop_lines(reply.result), *silent_lines(reply.result)])
    return ExitCode.UNDER_ACKNOWLEDGED if reply.result.silent or reply.result.waiting else ExitCode.DONE
