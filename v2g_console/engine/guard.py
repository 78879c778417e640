"""Where interlocks meet the running engine: the moment as they see it, and the last look before any setpoint is given."""

import math

from v2g_console.contract.link import LinkState
from v2g_console.engine.core import Core
from v2g_console.engine.counted import Counted, Move, changed_kw, counted
from v2g_console.engine.dispatch import Running
from v2g_console.engine.interlocks import SLACK_KW, Moment, Step, failing, named, refusal_of, refuse


def moment(core: Core, step: Step, target_kw: float, *, own: Running | None = None, later: bool = False) -> Moment:
    """What interlocks look at for a dispatch of `target_kw`; `own` is the one that changes, `later` one that begins at another time.

    What begins later is looked at again then, so only what it asks for by itself counts now.
    """
    limits = core.settings.interlocks
    if later:
        return Moment(step, limits, target_kw)
    now = core.clock.monotonic()
    others = [one for one in core.running.values() if one is not own and one.started_at is not None and not one.over]
    worst = counted(core, without_slot=own.slot if own is not None else None) if _limited(core) else Counted(0.0, 0.0)
    targets_kw = [one.target_kw for one in others if one.sends]
    present_kw = own.commanded_kw if own is not None else 0.0
    slow = core.settings.dispatch.full_activation_s or core.settings.dispatch.ramp_kw_per_s
    return Moment(
        step=step,
        limits=limits,
        target_kw=target_kw,
        others_up_kw=max(worst.up_kw, sum(max(0.0, kw) for kw in targets_kw)),
        others_down_kw=max(worst.down_kw, sum(max(0.0, -kw) for kw in targets_kw)),
        dispatches=len(others),
        at_once_kw=0.0 if slow or step in (Step.RETRY, Step.RESUME) else abs(target_kw - present_kw),
        spent_kw=core.changes.spent_kw(now),
        opposite_s=_opposite_s(core, target_kw, now),
        link_suspect=core.link.health().state is LinkState.SUSPECT,
        journal_error=core.journal_error if now < core.journal_again_at else "",
    )


def pass_interlocks(core: Core, step: Step, target_kw: float, *, own: Running | None = None, later: bool = False) -> None:
    """Raise RefusalError if an interlock does not let this pass."""
    refuse(moment(core, step, target_kw, own=own, later=later))


def warnings(core: Core, target_kw: float, *, later: bool) -> tuple[str, ...]:
    """What the interlocks would say to a plan, for its preview."""
    return tuple(f"interlock {one.name}: {said} ({one.hint})" for one, said in failing(moment(core, Step.PLAN, target_kw, later=later)))


def admit(core: Core, move: Move) -> None:
    """The last look before setpoints are written down to be sent; what passes counts from now on. Raises RefusalError.

    Totals are taken at their worst: a vehicle counts with every setpoint that it may still follow.
    """
    limits = core.settings.interlocks
    if _limited(core):
        before, after = counted(core), counted(core, move)
        for name, limit_kw, then_kw, now_kw in (
            ("total_up_kw", limits.total_up_kw, after.up_kw, before.up_kw),
            ("total_down_kw", limits.total_down_kw, after.down_kw, before.down_kw),
        ):
            if limit_kw and then_kw > limit_kw + SLACK_KW and then_kw > now_kw + SLACK_KW:
                said = f"{then_kw:.1f} kW might be in force until the vehicles have answered, and {limit_kw:g} kW are allowed together"
                raise refusal_of(named(name), said)
    if limits.change_kw_per_min:
        now, change_kw = core.clock.monotonic(), changed_kw(core, move)
        spent_kw = core.changes.spent_kw(now)
        if change_kw > SLACK_KW and spent_kw + change_kw > limits.change_kw_per_min + SLACK_KW:
            said = f"{change_kw:.1f} kW at once after {spent_kw:.1f} kW within the last minute; {limits.change_kw_per_min:g} kW are allowed"
            raise refusal_of(named("change_kw_per_min"), said)
        core.changes.spend(now, change_kw)


def within_pace(core: Core, from_kw: float, to_kw: float) -> float:
    """How far on the way to `to_kw` a course may go now, so that the total changes no faster than it may."""
    limit_kw = core.settings.interlocks.change_kw_per_min
    if not limit_kw:
        return to_kw
    left_kw = max(0.0, limit_kw - core.changes.spent_kw(core.clock.monotonic()))
    return from_kw + min(left_kw, max(-left_kw, to_kw - from_kw))


def _limited(core: Core) -> bool:
    limits = core.settings.interlocks
    return bool(limits.total_up_kw or limits.total_down_kw)


def _opposite_s(core: Core, target_kw: float, now: float) -> float:
    """Seconds since a dispatch in the other direction was in force; 0 while one is, infinite if none was."""
    opposite = [one for one in (*core.running.values(), *core.past) if one.started_at is not None and one.target_kw * target_kw < 0]
    if any(one.released_at is None and not one.over for one in opposite):
        return 0.0
    return min((now - one.released_at for one in opposite if one.released_at is not None), default=math.inf)
