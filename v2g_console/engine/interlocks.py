"""Interlocks: limits over all dispatches together, in one table; each is a pure function of the moment.

They are asked at plan (then they warn), arm, operate, dispatch, update, retry, and again when a scheduled dispatch begins or one goes on
after a restart. STOP, cancel and release pass them all. What is in force between requests (steps of a course, reallocation, repeated
rounds) is kept within the same totals by `engine.guard`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from v2g_console.config.settings import InterlockSettings
from v2g_console.contract.replies import Refusal
from v2g_console.engine.refusal import RefusalError

SLACK_KW: Final = 1e-3
"""Setpoints go out rounded to milliwatts: so much over a limit is none, also over a thousand vehicles."""


class Step(Enum):
    """What is about to be done."""

    PLAN = auto()
    ARM = auto()
    SEND = auto()  # operate, dispatch
    UPDATE = auto()
    RETRY = auto()
    START = auto()  # of a scheduled dispatch
    RESUME = auto()  # after a restart; its course brings it to its target no faster than it may


@dataclass(frozen=True, slots=True)
class Moment:
    """What interlocks look at. Powers in kW of regulation, up and down both at least 0; times in seconds.

    `target_kw` is signed: what is asked for. `others_*` is what the other dispatches may give at their worst, or are to give. `at_once_kw`
    is the change that this step makes at once, `spent_kw` what others changed within the last minute. `opposite_s`: since the opposite
    direction was last in force. `dispatches`: under way, without this one.
    """

    step: Step
    limits: InterlockSettings
    target_kw: float
    others_up_kw: float = 0.0
    others_down_kw: float = 0.0
    dispatches: int = 0
    at_once_kw: float = 0.0
    spent_kw: float = 0.0
    opposite_s: float = math.inf
    link_suspect: bool = False
    journal_error: str = ""


@dataclass(frozen=True, slots=True)
class Interlock:
    """One of them: its name (its key under `interlocks`, where it has one), what it says of a moment ("" = nothing), what to do then."""

    name: str
    check: Callable[[Moment], str]
    hint: str
    reason: Refusal = Refusal.INTERLOCK


_NEW: Final = frozenset({Step.PLAN, Step.ARM, Step.SEND, Step.START})


def _total_up(moment: Moment) -> str:
    return _total("up", moment.limits.total_up_kw, moment.others_up_kw, moment.target_kw, moment.step)


def _total_down(moment: Moment) -> str:
    return _total("down", moment.limits.total_down_kw, moment.others_down_kw, -moment.target_kw, moment.step)


def _total(way: str, limit_kw: float, others_kw: float, wanted_kw: float, step: Step) -> str:
    if not limit_kw or step is Step.RETRY or wanted_kw <= 0 or others_kw + wanted_kw <= limit_kw + SLACK_KW:
        return ""
    return f"{wanted_kw:g} kW {way} beside {others_kw:.1f} kW of others is above the limit of {limit_kw:g} kW for all dispatches together"


def _most_dispatches(moment: Moment) -> str:
    most = moment.limits.most_dispatches
    if not most or moment.step not in _NEW or moment.dispatches < most:
        return ""
    return f"{moment.dispatches} dispatches are under way, and {most} at once are allowed"


def _change(moment: Moment) -> str:
    limit_kw = moment.limits.change_kw_per_min
    if not limit_kw or moment.spent_kw + moment.at_once_kw <= limit_kw + SLACK_KW:
        return ""
    spent = f" after {moment.spent_kw:.1f} kW within the last minute" if moment.spent_kw else ""
    return f"{moment.at_once_kw:.1f} kW at once{spent} is above the limit of {limit_kw:g} kW a minute"


def _reversal(moment: Moment) -> str:
    pause_s = moment.limits.reversal_pause_s
    if not pause_s or moment.step is Step.RETRY or moment.opposite_s >= pause_s:
        return ""
    when = "is in force" if moment.opposite_s <= 0 else f"was in force {moment.opposite_s:.0f} s ago"
    return f"the other direction {when}, and {pause_s:g} s must lie between"


def _suspect(moment: Moment) -> str:
    if moment.limits.link_suspect != "refuse" or not moment.link_suspect or moment.step is Step.RESUME:
        return ""
    return "the link is suspect: the broker does not confirm what is published"


def _journal(moment: Moment) -> str:
    return f"the journal does not take anything: {moment.journal_error}" if moment.journal_error else ""


TABLE: Final[tuple[Interlock, ...]] = (
    Interlock("journal", _journal, "make room or repair the disk; release and STOP still work", Refusal.JOURNAL),
    Interlock("link_suspect", _suspect, "wait until the link is up again, see the link pane"),
    Interlock("total_up_kw", _total_up, "ask for less, or end another dispatch first"),
    Interlock("total_down_kw", _total_down, "ask for less, or end another dispatch first"),
    Interlock("most_dispatches", _most_dispatches, "end one first, or update it"),
    Interlock("change_kw_per_min", _change, "ask for less, wait, or let it go slower: dispatch.ramp_kw_per_s, dispatch.full_activation_s"),
    Interlock("reversal_pause_s", _reversal, "wait, then send a new dispatch"),
)


def failing(moment: Moment) -> list[tuple[Interlock, str]]:
    """The interlocks that don't let this pass, each with what it says, in the table's order."""
    return [(one, said) for one in TABLE if (said := one.check(moment))]


def refuse(moment: Moment) -> None:
    """Raise RefusalError for the first interlock that does not let this pass; its message begins with the interlock's name."""
    for one, said in failing(moment):
        raise refusal_of(one, said)


def refusal_of(interlock: Interlock, said: str) -> RefusalError:
    """The refusal of one interlock."""
    return RefusalError(interlock.reason, f"{interlock.name}: {said}", interlock.hint)


def named(name: str) -> Interlock:
    """The interlock of that name; raises StopIteration for an unknown one."""
    return next(one for one in TABLE if one.name == name)
