"""The laws of `safety.md`, each a function from the evidence to what speaks against it. They know nothing of how the engine works."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.chaos.evidence import Evidence, Told, split
from tests.chaos.ownership import owner
from v2g_console.domain.states import CommandState
from v2g_console.journal.port import ReleaseOutcome
from v2g_console.simulator.diary import CommandLine

_TOOK: Final = frozenset({"applied", "limited", "released"})
_SAW: Final = _TOOK | {"repeated", "refused", "expired", "superseded", "ignored"}
_ANSWERED: Final = frozenset({int(CommandState.ACKED), int(CommandState.LIMITED)})
_FREE: Final = frozenset({int(ReleaseOutcome.CONFIRMED), int(ReleaseOutcome.LEASE_ENDED)})
_SAME_KW: Final = 2e-6
_LIMIT_KW: Final = 0.06
_SITE_KW: Final = 0.3
_MATCH_KW: Final = 0.3
_MATCH_SHARE: Final = 0.05
_GRACE_MS: Final = 30_000
_EPSILON_S: Final = 0.05
_MOST_TOLD: Final = 4


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not have happened."""

    law: str
    text: str

    def __str__(self) -> str:
        return f"{self.law}: {self.text}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and how many facts each law looked at (a law that looked at nothing proves nothing)."""

    violations: tuple[Violation, ...]
    looked_at: dict[str, int]


Found = Iterator[str | None]
"""One item for each fact looked at: None, or what speaks against it."""


def judge(evidence: Evidence) -> Verdict:
    """Hold every law against the evidence."""
    violations: list[Violation] = []
    looked_at = {}
    for name, law in LAWS.items():
        facts = list(law(evidence))
        looked_at[name] = len(facts)
        against = [text for text in facts if text is not None]
        violations += [Violation(name, text) for text in against[:_MOST_TOLD]]
        if len(against) > _MOST_TOLD:
            violations.append(Violation(name, f"... and {len(against) - _MOST_TOLD} more"))
    return Verdict(tuple(violations), looked_at)


def lost(evidence: Evidence) -> Found:
    """No command is lost unnoticed: what the engine believes to be taken was taken, and whatever was begun has an end that was told."""
    saw = {
        (vehicle_id, *split(line)[:2]): line for vehicle_id, lines in evidence.commands.items() for line in lines if line.decision in _SAW
    }
    took = {(v, *split(line)[:2]) for v, lines in evidence.commands.items() for line in lines if line.decision in _TOOK}
    for told in evidence.acks:
        if told.outcome in _ANSWERED:
            key = (told.vehicle_id, told.dispatch_id, told.seq)
            v2 = evidence.vehicles[told.vehicle_id].protocol >= 2
            fate = saw[key].decision if key in saw else "never seen"
            yield None if (key in took if v2 else key in saw) else f"{_name(told)} counts as acknowledged, the vehicle says: {fate}"
    for told in evidence.releases:
        if told.outcome in _FREE and not evidence.about.engine_clock_steps:
            yield _not_released(evidence, told)
    for dispatch_id in {one.dispatch_id for one in evidence.journalled.values()}:
        yield None if evidence.ends[dispatch_id] else f"dispatch {dispatch_id[:4]} was begun, and its end was never told"
    known = " ".join([*(record.detail for _, record in evidence.requests), *evidence.dispatches])
    for asked in evidence.asked:
        if asked.accepted and asked.dispatch_id:
            yield (
                None
                if asked.dispatch_id in known
                else f"{asked.request} {asked.dispatch_id[:4]} was accepted, the journal has never heard of it"
            )


def _not_released(evidence: Evidence, told: Told) -> str | None:
    """A release counts as confirmed, or its lease as ended: the vehicle must not follow a setpoint of that dispatch by then."""
    at_s = told.utc_ms / 1000.0 - evidence.about.utc_minus_steady_s + _EPSILON_S
    holding = in_force(evidence, told.vehicle_id, at_s)
    if evidence.vehicles[told.vehicle_id].protocol == 1 and (evidence.about.disorder or _owed_again(evidence, told)):
        return None  # it got its setpoint late, after its power had shown it released, or again: that was noticed, and the end is judged
    if holding is None or split(holding)[0] != told.dispatch_id or is_release(evidence, holding):
        return None
    released_kw = [
        one.setpoint_kw
        for (d, _, v), one in evidence.journalled.items()
        if (d, v) == (told.dispatch_id, told.vehicle_id) and one.kind == "release"
    ]
    target_kw = holding.target_kw if holding.target_kw is not None else 0.0
    if any(abs(kw - power) <= max(_MATCH_KW, _MATCH_SHARE * abs(kw)) for kw in released_kw for power in (target_kw, holding.power_kw)):
        return None  # it follows the setpoint, which is the power it is released to
    return f"{_name(told)} counts as released, the vehicle still follows {holding.target_kw:.2f} kW of seq {split(holding)[1]}"


def _owed_again(evidence: Evidence, told: Told) -> bool:
    """A release counted as confirmed, and was then found to be owed after all, because commands were held back on their way."""
    return evidence.about.cars_hear_late and any(
        later.vehicle_id == told.vehicle_id and later.entry > told.entry and later.outcome == ReleaseOutcome.OWED
        for later in evidence.releases
    )


def twice(evidence: Evidence) -> Found:
    """No command is applied twice with another effect."""
    for vehicle_id, lines in evidence.commands.items():
        payloads: dict[str, str] = {}
        by_seq: dict[tuple[str, int], str] = {}
        applied: defaultdict[str, list[CommandLine]] = defaultdict(list)
        for line in lines:
            if not line.command_id:
                continue
            same = payloads.setdefault(line.command_id, line.payload) == line.payload
            yield None if same else f"{vehicle_id}: command {line.command_id[-24:]} came with two contents"
            same = by_seq.setdefault(split(line)[:2], line.command_id) == line.command_id
            yield None if same else f"{vehicle_id}: two commands with seq {split(line)[1]}"
            if line.decision in _TOOK:
                applied[line.command_id].append(line)
        for identity, times in applied.items():
            v2 = times[0].seq is not None
            targets = {line.target_kw for line in times if not v2 or line.decision != "limited"}
            bad = (v2 and len(times) > 1) or len(targets) > 1
            yield (
                f"{vehicle_id}: command {identity[-24:]} was applied {len(times)} times, to {sorted(map(str, targets))} kW" if bad else None
            )


def late(evidence: Evidence) -> Found:
    """No command is applied after its end, and no end is later than lease and dispatch allow. v1: nothing goes out after its dispatch."""
    about = evidence.about
    for vehicle_id, lines in evidence.commands.items():
        for line in lines:
            dispatch_id, seq, _ = split(line)
            if line.decision not in _TOOK or seq < 0:
                continue
            name = f"{vehicle_id}: seq {seq} of {dispatch_id[:4]}"
            if line.accept_until_ms is not None and line.utc_s * 1000 > line.accept_until_ms + 1:
                yield f"{name} was taken {line.utc_s * 1000 - line.accept_until_ms:.0f} ms after its ack deadline"
            if line.hold_s is not None and line.valid_until_ms is not None and not line.release:
                yield _lease(evidence, line, name)
            if not is_release(evidence, line):
                yield _after_its_dispatch(evidence, line, name)
            if (
                about.quiet_at_end
                and line.ends_at_s is not None
                and line.ends_at_s > about.finished_s
                and line is lines[-1]
                and not line.release
            ):
                yield f"{name} would hold on for {line.ends_at_s - about.finished_s:.0f} s after everything was over"


def _lease(evidence: Evidence, line: CommandLine, name: str) -> str | None:
    assert line.hold_s is not None and line.valid_until_ms is not None and line.timestamp_ms is not None
    record = evidence.dispatches.get(split(line)[0])
    ends_s = line.ends_at_s if line.ends_at_s is not None else float("inf")
    if ends_s > line.at_s + min(line.hold_s, line.valid_until_ms / 1000 - line.utc_s) + _EPSILON_S:
        return f"{name} holds longer than its lease"
    if line.valid_until_ms > line.timestamp_ms + evidence.about.lease_s * 1000 + 1:
        return f"{name} has a lease of {(line.valid_until_ms - line.timestamp_ms) / 1000:.1f} s"
    if line.hold_s * 1000 > line.valid_until_ms - line.timestamp_ms + 1000:
        return f"{name} may hold for {line.hold_s} s, its lease lasts {(line.valid_until_ms - line.timestamp_ms) / 1000:.1f} s"
    if record is None:
        return None
    if evidence.about.engine_clock_steps:  # the end has another date after a step: what is left at most is its duration
        too_long_ms = line.hold_s * 1000 - (record.ends_ms - record.started_ms) - _GRACE_MS - 1000
    else:
        too_long_ms = line.valid_until_ms - record.ends_ms - _GRACE_MS - 1
    return f"{name} may be held {too_long_ms / 1000:.1f} s too long for its dispatch" if too_long_ms > 0 else None


def _after_its_dispatch(evidence: Evidence, line: CommandLine, name: str) -> str | None:
    about, (dispatch_id, _, _) = evidence.about, split(line)
    record = evidence.dispatches.get(dispatch_id)
    if record is None or line.timestamp_ms is None or about.engine_clock_steps:
        return None
    if line.timestamp_ms > record.ends_ms + 200:
        return f"{name} was sent {line.timestamp_ms - record.ends_ms} ms after the end of its dispatch"
    arrived_ms = (line.at_s + about.utc_minus_steady_s) * 1000
    on_time = not about.cars_hear_late and not about.disorder
    if line.seq is None and on_time and arrived_ms > record.ends_ms + 1000:
        return f"{name} was applied {arrived_ms - record.ends_ms:.0f} ms after the end of its dispatch by a v1 vehicle"
    return None


def order(evidence: Evidence) -> Found:
    """Per vehicle, nothing older is applied after something newer. A v1 vehicle can't tell; then the newest must follow once more."""
    for vehicle_id, lines in evidence.commands.items():
        newest, behind = -1, ""
        for line in lines:
            seq = split(line)[1]
            if line.decision not in _TOOK or seq < 0:
                continue
            older = seq < newest
            healed_later = older and evidence.about.disorder and line.seq is None
            yield f"{vehicle_id}: seq {seq} was applied after {newest}" if older and not healed_later else None
            behind = f"{vehicle_id}: seq {seq} came after {newest}, and the newest was never sent again" if older else ""
            newest = max(newest, seq)
        holding = in_force(evidence, vehicle_id, evidence.about.finished_s)
        yield behind if behind and holding is not None and not is_release(evidence, holding) else None


def journal(evidence: Evidence) -> Found:
    """The journal is whole, and holds every command that reached a vehicle, with its very power: it was there before the publish."""
    yield from evidence.journal_faults
    first_release = _first_release(evidence)
    for vehicle_id, lines in evidence.commands.items():
        for line in lines:
            dispatch_id, seq, position = split(line)
            if not line.command_id:
                continue
            known = evidence.journalled.get((dispatch_id, seq, vehicle_id))
            name = f"{vehicle_id}: seq {seq} of {dispatch_id[:4]} ({line.asked_kw} kW)"
            if known is not None:
                if known.position != position:
                    yield f"{name} is at another place in the journal"
                elif abs((line.asked_kw or 0.0) - round(known.setpoint_kw, 6)) > _SAME_KW:
                    yield f"{name} is {known.setpoint_kw} kW in the journal"
                else:
                    yield None
            elif _repeated_release(evidence, line, first_release.get((dispatch_id, vehicle_id))):
                yield None
            else:
                yield f"{name} reached a vehicle, and the journal does not know it"


def _first_release(evidence: Evidence) -> dict[tuple[str, str], int]:
    """The lowest seq that may be an unjournalled repetition of a release: above all setpoints of that dispatch to that vehicle."""
    newest: dict[tuple[str, str], int] = {}
    for (dispatch_id, seq, vehicle_id), one in evidence.journalled.items():
        if one.kind != "release":
            newest[dispatch_id, vehicle_id] = max(seq, newest.get((dispatch_id, vehicle_id), 0))
    return newest


def _repeated_release(evidence: Evidence, line: CommandLine, last_setpoint: int | None) -> bool:
    """Releases that are owed are sent again without a record each: later than any setpoint, and never injecting."""
    if last_setpoint is None or split(line)[1] <= last_setpoint:
        return False
    return line.release if line.release is not None else (line.asked_kw or 0.0) <= _SAME_KW


def released(evidence: Evidence) -> Found:
    """In the end every vehicle is released, or owed its release."""
    about = evidence.about
    for vehicle_id in evidence.vehicles:
        holding = in_force(evidence, vehicle_id, about.finished_s)
        if holding is None or is_release(evidence, holding) or vehicle_id in evidence.owed:
            yield None
            continue
        dispatch_id, seq, _ = split(holding)
        released_kw = [
            one.setpoint_kw for (d, _, v), one in evidence.journalled.items() if (d, v, one.kind) == (dispatch_id, vehicle_id, "release")
        ]
        at_rest = any(abs(kw - holding.power_kw) <= max(_MATCH_KW, _MATCH_SHARE * abs(kw)) for kw in released_kw)
        yield (
            None if at_rest else f"{vehicle_id} still follows {holding.power_kw:.2f} kW of seq {seq} of {dispatch_id[:4]}, and nobody knows"
        )
    owed = about.owed_at_end
    if about.engine_clock_steps or about.vehicle_clock_offset:  # measured power may be undated, but a lease ends by steady clocks
        owed = sum(evidence.vehicles[vehicle_id].protocol >= 2 for vehicle_id in evidence.owed)
    yield f"{owed} releases are owed although every vehicle can be reached again" if owed else None
    yield None if about.quiet_at_end else "it never came to rest"


def limits(evidence: Evidence) -> Found:
    """No vehicle is asked for more than it can, and no site feeds in more than it may: by its v2 vehicles, since v1 ones name no site."""
    for vehicle_id, lines in evidence.commands.items():
        vehicle = evidence.vehicles[vehicle_id]
        low_kw, high_kw = -vehicle.max_charge_kw, vehicle.max_discharge_kw if vehicle.is_v2g else 0.0
        for line in lines:
            if line.asked_kw is not None and not line.release:
                fine = low_kw - _LIMIT_KW <= line.asked_kw <= high_kw + _LIMIT_KW
                yield None if fine else f"{vehicle_id} was asked for {line.asked_kw} kW of {low_kw}..{high_kw}"
    for site, export_kw in evidence.about.export_kw.items():
        power_kw = {one.vehicle_id: one.power_kw for one in evidence.vehicles.values() if one.site == site and one.protocol >= 2}
        changes = sorted((line for name in power_kw for line in evidence.changes[name]), key=lambda line: line.at_s)
        for change in changes:
            power_kw[change.vehicle_id] = change.power_kw
            total_kw = sum(power_kw.values())
            if change.at_s <= evidence.about.finished_s:
                yield f"{site} fed in {total_kw:.2f} kW of at most {export_kw:.0f}" if total_kw > export_kw + _SITE_KW else None


def stop(evidence: Evidence) -> Found:
    """After STOP was accepted nothing but releases goes out, until somebody resumes."""
    since: int | None = None
    spans: list[tuple[int, float]] = []
    for number, record in evidence.requests:
        if record.outcome != "accepted":
            continue
        if record.request == "stop" and since is None:
            since = number
        elif record.request == "resume" and since is not None:
            spans.append((since, number))
            since = None
    if since is not None:
        spans.append((since, float("inf")))
    reached = {(*split(line)[:2], vehicle_id) for vehicle_id, lines in evidence.commands.items() for line in lines}
    for begin, end in spans:
        yield None
        for key, one in evidence.journalled.items():
            if begin < one.entry < end and one.kind != "release":
                yield f"{one.vehicle_id}: a {one.kind} (seq {one.seq}) went out after STOP" if key in reached else None


def retained(evidence: Evidence) -> Found:
    """No command is kept by the broker for whoever subscribes later."""
    count = evidence.about.retained_commands
    yield f"{count} commands are retained" if count else None


def processes(evidence: Evidence) -> Found:
    """No engine ended but by the harness's own hand."""
    yield None
    yield from evidence.about.process_faults


LAWS: dict[str, Callable[[Evidence], Found]] = {
    "lost": lost,
    "twice": twice,
    "late": late,
    "order": order,
    "owner": owner,
    "journal": journal,
    "released": released,
    "limits": limits,
    "stop": stop,
    "retained": retained,
    "processes": processes,
}


def in_force(evidence: Evidence, vehicle_id: str, at_s: float) -> CommandLine | None:
    """The command that a vehicle follows at `at_s`, by its own log; None: its driver's plan."""
    holding: CommandLine | None = None
    for line in evidence.commands[vehicle_id]:
        if line.at_s > at_s:
            break
        if line.decision == "released":
            holding = None
        elif line.decision in _TOOK:
            holding = line
    if holding is None or (holding.ends_at_s is not None and holding.ends_at_s <= at_s):
        return None
    left = any(holding.at_s < change.at_s <= at_s and change.why in ("away", "lease end") for change in evidence.changes[vehicle_id])
    return None if left else holding


def is_release(evidence: Evidence, line: CommandLine) -> bool:
    """True if a command was a release: by its own word (v2), or by the journal's (v1: any number beyond the setpoints journalled)."""
    if line.release is not None:
        return line.release
    dispatch_id, seq, _ = split(line)
    known = evidence.journalled.get((dispatch_id, seq, line.vehicle_id))
    return known is None or known.kind == "release"


def _name(told: Told) -> str:
    return f"{told.vehicle_id}: {f'seq {told.seq}' if told.seq else 'the release'} of {told.dispatch_id[:4]}"
