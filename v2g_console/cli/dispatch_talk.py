"""The talk with the engine behind `dispatch`: send, and with --wait follow to the end."""

import asyncio
from pathlib import Path

import click
import msgspec

from v2g_console.cli.dispatch_text import plan_lines, step_text
from v2g_console.cli.engine import caller, print_json, print_lines, refused, talk_to_engine
from v2g_console.config.load import load_for_client
from v2g_console.contract.events import DispatchEnded, DispatchEvent
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.outcome import outcome_code
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Accepted, PlanView, Refused
from v2g_console.contract.requests import Dispatch
from v2g_console.domain.start_time import start_words
from v2g_console.domain.text import visible

_POLL_S = 20.0


def send(config_path: Path | None, socket_file: Path | None, request: Dispatch, *, wait: bool, as_json: bool) -> int:
    """Send `request`; with `wait` print each step and return the exit code of the outcome."""
    settings = load_for_client(config_path)

    async def talk(engine: EnginePort) -> int:
        # Asked before the dispatch exists, so that none of its events can be missed.
        after = (await engine.events(0, 0.0)).next_number if wait else 0
        reply = await engine.request(request, caller())
        if as_json:
            print_json(reply)
        if isinstance(reply, Refused):
            return refused(reply, as_json)
        if not as_json:
            print_lines(_answer_lines(reply, request))
        if not wait:
            return ExitCode.DONE
        try:
            ended = await _followed(engine, reply.dispatch_id, after, as_json)
        except asyncio.CancelledError:
            click.echo(f"no longer waiting: the dispatch goes on; `v2g-console cancel {reply.dispatch_id}` ends it", err=True)
            raise
        return outcome_code(ended, settings.dispatch.min_ack_share)

    return talk_to_engine(settings, socket_file, talk, "; or add --standalone")


def _answer_lines(reply: Accepted, request: Dispatch) -> list[str]:
    if isinstance(reply.result, PlanView):
        return plan_lines(reply.result, request)
    starts = f": starts {start_words(request.start_at)}" if request.start_at else ""
    return [f"dispatch {reply.dispatch_id} accepted{', TEST' if request.test else ''}{starts}"]


async def _followed(engine: EnginePort, dispatch_id: str, after: int, as_json: bool) -> DispatchEnded:
    """Print the events of `dispatch_id` until its last one, which is returned. People see only steps that differ from the last."""
    last = ""
    while True:
        batch = await engine.events(after, _POLL_S)
        after = batch.next_number
        for event in batch.events:
            if not isinstance(event, DispatchEvent) or event.dispatch_id != dispatch_id:
                continue
            step = step_text(event)
            if as_json:
                click.echo(msgspec.json.encode(event).decode())
            elif step != last:
                click.echo(f"{visible(event.ts)} {step}")
            last = step
            if isinstance(event, DispatchEnded):
                return event
