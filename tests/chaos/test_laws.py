"""The checker itself: a record in good order passes, and each way of falsifying it is caught by the law it breaks."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.chaos.evidence import Asked, Circumstances, Evidence, Journalled, Told
from tests.chaos.laws import LAWS, judge
from tests.chaos.ownership import owner
from v2g_console.contract.events import DispatchCompleted
from v2g_console.domain.states import CommandState
from v2g_console.journal.port import DispatchRecord, ReleaseOutcome, RequestRecord
from v2g_console.simulator.diary import ChangeLine, CommandLine, VehicleLine

DISPATCH = "5d8f0b5e6c1f4a7e9b3a1c2d3e4f5a6b"
OTHER = "0c4b1d7e2f3a4b5c8d9e0f1a2b3c4d5e"
UTC_S = 1_795_441_129.0
STEADY_S = 5_000.0
SEND, UPDATE, RELEASE = 1001, 1002, 1003
V1, V2 = "veh000007", "veh000008"


def orderly() -> Evidence:
    """One dispatch of 10 s with a v1 and a v2 vehicle: sent, updated after 3 s, released at its end; nothing went wrong."""
    evidence = Evidence(Circumstances(UTC_S - STEADY_S, STEADY_S + 30.0, export_kw={"lyon-2": 20.0}, lease_s=60.0))
    record = DispatchRecord(ms(0), DISPATCH, "MA", 12.0, "smart", "ines", "console", ms(0), ms(10), "{}")
    evidence.dispatches[DISPATCH] = record
    evidence.requests = [(2, RequestRecord(ms(0), "ines", "console", "operate", "accepted", DISPATCH))]
    evidence.asked = [Asked(STEADY_S, "operate", True, DISPATCH)]
    for position, (vehicle_id, protocol) in enumerate([(V1, 1), (V2, 2)]):
        evidence.vehicles[vehicle_id] = VehicleLine(
            at_s=STEADY_S - 9, utc_s=UTC_S - 9, vehicle_id=vehicle_id, protocol=protocol, site="lyon-2", is_v2g=True, max_charge_kw=11.0,
            max_discharge_kw=11.0, fault="none", power_kw=0.0,
        )  # fmt: skip
        steps = [(SEND, "send", 0.0, 5.0), (UPDATE, "update", 3.0, 6.0), (RELEASE, "release", 10.0, 0.0)]
        for entry, (seq, kind, after_s, kw) in enumerate(steps):
            key = (DISPATCH, seq, vehicle_id)
            evidence.journalled[key] = Journalled(3 + entry, ms(after_s), DISPATCH, seq, kind, vehicle_id, position, kw)
            evidence.commands[vehicle_id].append(command(vehicle_id, position, protocol, seq, after_s + 0.01, kw))
            change = ChangeLine(at_s=STEADY_S + after_s + 0.01, vehicle_id=vehicle_id, why="command", power_kw=kw, target_kw=kw)
            evidence.changes[vehicle_id].append(change)
            if kind != "release":
                evidence.acks.append(Told(10 + entry, ms(after_s + 0.1), DISPATCH, vehicle_id, seq, int(CommandState.ACKED)))
        evidence.releases.append(Told(20, ms(10.2), DISPATCH, vehicle_id, 0, int(ReleaseOutcome.CONFIRMED)))
    evidence.ends[DISPATCH] = [ended()]
    return evidence


def ms(after_s: float) -> int:
    return round((UTC_S + after_s) * 1000)


def command(vehicle_id: str, position: int, protocol: int, seq: int, after_s: float, kw: float) -> CommandLine:
    sent_ms, release = ms(after_s - 0.01), seq == RELEASE
    decision = "released" if release and protocol == 2 else "applied"
    words: dict[str, Any] = {}
    if protocol == 2:
        words = {
            "seq": seq, "accept_until_ms": sent_ms + 5000, "valid_until_ms": min(sent_ms + 60_000, ms(40)), "release": release,
            "hold_s": round(40 - after_s), "ends_at_s": None if release else STEADY_S + 30.0,
        }  # fmt: skip
    return CommandLine(
        at_s=STEADY_S + after_s, utc_s=UTC_S + after_s, vehicle_id=vehicle_id, decision=decision, payload=f"{seq:016x}",
        command_id=f"{DISPATCH}-{seq}-{position}", asked_kw=kw, timestamp_ms=sent_ms, target_kw=kw,
        power_kw=kw, **words,
    )  # fmt: skip


def ended() -> DispatchCompleted:
    return DispatchCompleted(
        ts="2026-11-23T13:38:59.000Z", dispatch_id=DISPATCH, signal="MA", state="completed", requested_kw=12.0, allocated_kw=12.0,
        acknowledged_kw=12.0, delivered_kw=None, delivered_coverage=0.0, uncertain_kw=0.0, shortfall_kw=0.0, vehicles=2, acked=2,
        limited=0, rejected=0, silent=0, pending=0,
    )  # fmt: skip


def change(evidence: Evidence, vehicle_id: str, place: int, **fields: object) -> None:
    """Falsify one line of a vehicle's log."""
    lines = evidence.commands[vehicle_id]
    lines[place] = msgspec.structs.replace(lines[place], **fields)


def again(evidence: Evidence, vehicle_id: str, place: int, **fields: object) -> None:
    """A line of a vehicle's log once more, at its end."""
    lines = evidence.commands[vehicle_id]
    late = {"at_s": lines[-1].at_s + 1.0, "utc_s": lines[-1].utc_s + 1.0}
    lines.append(msgspec.structs.replace(lines[place], **(late | fields)))


def drop(evidence: Evidence, vehicle_id: str, place: int) -> None:
    """A line of a vehicle's log vanishes."""
    del evidence.commands[vehicle_id][place]


def swap(evidence: Evidence, vehicle_id: str) -> None:
    """The first two commands came in the other order."""
    first, second, *rest = evidence.commands[vehicle_id]
    times = {"at_s": first.at_s, "utc_s": first.utc_s}
    later = {"at_s": second.at_s, "utc_s": second.utc_s}
    evidence.commands[vehicle_id] = [msgspec.structs.replace(second, **times), msgspec.structs.replace(first, **later), *rest]


def forget_round(evidence: Evidence, seq: int) -> None:
    """The journal does not hold a round."""
    evidence.journalled = {key: one for key, one in evidence.journalled.items() if key[1] != seq}


def stopped_before(evidence: Evidence, entry: int) -> None:
    """STOP was accepted just before a journal entry."""
    evidence.requests.append((entry - 1, RequestRecord(ms(1), "ines", "cli", "stop", "accepted", "")))


def taken(evidence: Evidence, vehicle_id: str, entry: int) -> None:
    """Another dispatch commands the vehicle, by a later round of a journal entry."""
    key = (OTHER, RELEASE + 7, vehicle_id)
    evidence.journalled[key] = Journalled(entry, ms(4.0), OTHER, RELEASE + 7, "send", vehicle_id, 0, 6.0)
    again(evidence, vehicle_id, 1, command_id=f"{OTHER}-{RELEASE + 7}-0")


FALSIFIED: dict[str, tuple[str, Callable[[Evidence], object]]] = {
    "an acknowledged command never came": ("lost", lambda e: drop(e, V1, 0)),
    "an acknowledged command was refused": ("lost", lambda e: change(e, V2, 1, decision="refused")),
    "a confirmed release never came": ("lost", lambda e: drop(e, V2, 2)),
    "a confirmed release came too late": ("lost", lambda e: change(e, V2, 2, decision="expired")),
    "a dispatch has no end": ("lost", lambda e: e.ends.clear()),
    "an accepted request is not in the journal": ("lost", lambda e: e.asked.append(Asked(STEADY_S, "dispatch", True, "beef" * 8))),
    "a v2 vehicle applies a command twice": ("twice", lambda e: again(e, V2, 2)),
    "a retry has another power": ("twice", lambda e: change(e, V1, 1, command_id=e.commands[V1][0].command_id)),
    "a v1 vehicle gets another effect from the same command": ("twice", lambda e: again(e, V1, 2, target_kw=3.0)),
    "a number is used for two commands": ("twice", lambda e: change(e, V1, 1, command_id=f"{DISPATCH}-{SEND}-1")),
    "a command is taken after its ack deadline": ("late", lambda e: change(e, V2, 1, utc_s=UTC_S + 9.0)),
    "a lease is longer than configured": ("late", lambda e: change(e, V2, 0, valid_until_ms=ms(39), timestamp_ms=ms(-25))),
    "a lease goes on beyond its dispatch": ("late", lambda e: change(e, V2, 1, valid_until_ms=ms(41))),
    "a vehicle holds longer than it was told": ("late", lambda e: change(e, V2, 1, ends_at_s=STEADY_S + 55.0)),
    "a setpoint is sent after the end": ("late", lambda e: change(e, V1, 1, timestamp_ms=ms(10.5))),
    "a v1 vehicle gets a setpoint after the end": ("late", lambda e: change(e, V1, 1, at_s=STEADY_S + 11.5)),
    "two commands are swapped at a v2 vehicle": ("order", lambda e: swap(e, V2)),
    "two commands are swapped at a v1 vehicle": ("order", lambda e: swap(e, V1)),
    "an old setpoint comes back after the release": ("order", lambda e: again(e, V1, 0)),
    "a second dispatch takes a vehicle that another one holds": ("owner", lambda e: taken(e, V2, 4)),
    "a round is not in the journal": ("journal", lambda e: forget_round(e, UPDATE)),
    "a vehicle got another power than the journal says": ("journal", lambda e: change(e, V1, 0, asked_kw=5.5)),
    "a vehicle got the command of another place": ("journal", lambda e: change(e, V1, 0, command_id=f"{DISPATCH}-{SEND}-9")),
    "the journal's chain is broken": ("journal", lambda e: e.journal_faults.append("entry 4: not what was written")),
    "a v1 vehicle keeps its setpoint": ("released", lambda e: drop(e, V1, 2)),
    "a release is owed for ever": ("released", lambda e: setattr(e.about, "owed_at_end", 1)),
    "it never comes to rest": ("released", lambda e: setattr(e.about, "quiet_at_end", False)),
    "a vehicle is asked for too much": ("limits", lambda e: change(e, V1, 0, asked_kw=11.2)),
    "a site feeds in too much": ("limits", lambda e: e.about.export_kw.update({"lyon-2": 5.0})),
    "an update goes out after STOP": ("stop", lambda e: stopped_before(e, 4)),
    "a command is retained": ("retained", lambda e: setattr(e.about, "retained_commands", 1)),
    "the engine died by itself": ("processes", lambda e: e.about.process_faults.append("ended with 1")),
}


def test_a_record_in_good_order_passes_and_every_law_has_looked_at_it() -> None:
    evidence = orderly()
    stopped_before(evidence, 6)
    verdict = judge(evidence)
    assert verdict.violations == ()
    assert all(verdict.looked_at.values())


@pytest.mark.parametrize("name", FALSIFIED)
def test_what_must_not_happen_is_caught(name: str) -> None:
    law, falsify = FALSIFIED[name]
    evidence = orderly()
    falsify(evidence)
    assert law in {violation.law for violation in judge(evidence).violations}


def test_every_law_is_broken_by_something() -> None:
    assert {law for law, _ in FALSIFIED.values()} == set(LAWS)


def test_a_vehicle_may_be_taken_by_another_dispatch_once_it_is_released_or_handed_over() -> None:
    later, handed = orderly(), orderly()
    taken(later, V2, 21)
    taken(handed, V2, 5)
    handed.releases.insert(0, Told(4, ms(3.5), DISPATCH, V2, 0, int(ReleaseOutcome.NOT_NEEDED)))
    for evidence in (later, handed):
        found = list(owner(evidence))
        assert found == [None] * 5


def test_what_is_owed_by_the_journal_is_no_violation() -> None:
    evidence = orderly()
    drop(evidence, V1, 2)
    evidence.releases = [told for told in evidence.releases if told.vehicle_id != V1]
    evidence.owed = {V1}
    assert judge(evidence).violations == ()


def test_a_v1_vehicle_may_be_overtaken_by_an_old_command_if_the_newest_comes_again() -> None:
    evidence = orderly()
    evidence.about.disorder = True
    again(evidence, V1, 1)
    assert {violation.law for violation in judge(evidence).violations} >= {"order", "released"}
    again(evidence, V1, 2)
    assert judge(evidence).violations == ()


def test_after_a_step_of_the_date_a_lease_is_judged_by_its_length() -> None:
    evidence = orderly()
    evidence.about.engine_clock_steps = True
    for place in (0, 1):
        old = evidence.commands[V2][place]
        moved = {"timestamp_ms": ms(3600), "accept_until_ms": ms(3605), "valid_until_ms": ms(3640)}
        change(evidence, V2, place, **moved, hold_s=40, ends_at_s=old.at_s + 40.0)
    assert judge(evidence).violations == ()
    change(evidence, V2, 0, hold_s=42, valid_until_ms=ms(3642))
    assert {violation.law for violation in judge(evidence).violations} == {"late"}


def test_with_an_odd_date_only_vehicles_without_a_lease_may_stay_owed() -> None:
    evidence = orderly()
    evidence.about.engine_clock_steps, evidence.about.owed_at_end, evidence.owed = True, 1, {V1}
    assert judge(evidence).violations == ()
    evidence.owed = {V2}
    assert {violation.law for violation in judge(evidence).violations} == {"released"}


def test_a_release_that_is_repeated_without_a_record_of_its_own_is_known_by_its_number() -> None:
    evidence = orderly()
    for vehicle_id, position in ((V1, 0), (V2, 1)):
        again(evidence, vehicle_id, 2, command_id=f"{DISPATCH}-{RELEASE + 5}-{position}", payload="other", timestamp_ms=ms(16))
    assert judge(evidence).violations == ()
    change(evidence, V1, 3, asked_kw=4.0, target_kw=4.0, power_kw=4.0)
    assert {violation.law for violation in judge(evidence).violations} == {"journal"}
