"""EcoWatt's forecast for people."""

import time
from typing import Final

from v2g_console.contract.ecowatt import SIGNAL, EcowattDay, EcowattView, Outcome, ProposalView, answer_to
from v2g_console.contract.replies import Accepted
from v2g_console.domain.text import visible

_LEVELS: Final = "ggoR"
_NOT_TOLD: Final = "."


def ecowatt_lines(reply: Accepted) -> list[str]:
    """A line a day, with a letter an hour; a line a proposal."""
    view = reply.result
    if not isinstance(view, EcowattView):
        return ["the engine sent no forecast"]
    if view.received_ms is None:
        return ["no EcoWatt forecast: `v2g-console ecowatt feed FILE` gives the engine one"]
    age_m = max(0, round((time.time() * 1000 - view.received_ms) / 60_000))
    lines = [f"fed by {visible(view.by)} {age_m} min ago; hours 0 to 23 in France: g green, o orange, R red, {_NOT_TOLD} not told"]
    lines += map(_day, view.signals)
    now_ms = round(time.time() * 1000)
    return [*lines, *(line for one in view.proposals for line in _proposal(one, now_ms))] if view.proposals else [*lines, "no proposal"]


def _day(day: EcowattDay) -> str:
    worst: dict[int, int] = {}
    for one in day.values:
        worst[one.pas] = max(one.hvalue, worst.get(one.pas, 0))
    hours = "".join(_LEVELS[worst[pas]] if pas in worst else _NOT_TOLD for pas in range(24))
    return f"{visible(day.jour)}  {hours}  {visible(day.message)}".rstrip()


def _proposal(one: ProposalView, now_ms: int) -> list[str]:
    words = visible(one.words)
    match one.outcome:
        case Outcome.WAITS:
            return [
                words,
                f"  accept: {_accepting(one, now_ms)}",
                f'  dismiss: v2g-console ecowatt dismiss {one.proposal_id} --reason "..."',
            ]
        case Outcome.ACCEPTED:
            return [f"{words}; accepted by {visible(one.by)}: #{visible(one.dispatch_id[:4])}"]
        case Outcome.DISMISSED:
            return [f"{words}; dismissed by {visible(one.by)}: {visible(one.reason)}"]


def _accepting(one: ProposalView, now_ms: int) -> str:
    answer = answer_to(one, now_ms)
    start = f" --start-at {answer.start}" if answer.start else ""
    power = answer.power or "KW"
    return f"v2g-console dispatch --signal {SIGNAL} --power-kw {power} --duration {answer.duration}{start} --ref {one.reference}"
