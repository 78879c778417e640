"""The contract is plain data: every request, reply and event survives JSON, and nothing unknown gets in."""

import typing
from typing import Any

import msgspec
import pytest

from v2g_console.contract import events, requests
from v2g_console.contract.ecowatt import EcowattDay, EcowattHour
from v2g_console.contract.events import DispatchCancelled, DispatchCompleted, DispatchEnded, DispatchFailed, DispatchStopped
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.outcome import outcome_code
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, QUALITY_MARKS
from v2g_console.contract.tags import TagKind, TagScope
from v2g_console.domain.vehicle import Quality

FIELDS: dict[str, Any] = {"signal": "FCR", "power_kw": 50.0, "duration_s": 300.0}
EVERY_REQUEST = [
    requests.Plan(**FIELDS),
    requests.Arm(plan_id="a1", revision=2, typed_kw=50.0),
    requests.Operate(plan_id="a1", revision=2),
    requests.Dispatch(**FIELDS, dry_run=True, sites=("lyon-2",)),
    requests.Update(dispatch_id="7f3a", power_kw=-5.0),
    requests.Cancel(dispatch_id="7f3a"),
    requests.Retry(dispatch_id="7f3a"),
    requests.Stop(reason="fire"),
    requests.Resume(),
    requests.Fleet(site="lyon-2", limit=5),
    requests.Status(),
    requests.DispatchDetail(dispatch_id="7f3a"),
    requests.AckAlarm(alarm_id="link_lost"),
    requests.ResetTrust(vehicle_id="veh-1"),
    requests.Tag(kind=TagKind.INHIBIT, scope=TagScope.VEHICLE, name="veh-1", note="roof works"),
    requests.Untag(tag_id="t7f3a", note="done"),
    requests.Tags(),
    requests.StopList(),
    requests.Identity(),
    requests.Approve(approval_id="p7f3a", revision=2),
    requests.Reject(approval_id="p7f3a", reason="too much"),
    requests.Lock(idle_s=600.0),
    requests.Unlock(),
    requests.Journal(before=900, kind="request", vehicle_id="veh-1", without=("acks",)),
    requests.JournalEntry(number=812),
    requests.ShelveAlarm(alarm_id="shortfall:7f3a", for_s=1800.0, reason="known"),
    requests.UnshelveAlarm(alarm_id="shortfall:7f3a"),
    requests.Note(text="call RTE at 15:00"),
    requests.Handover(since_s=43_200.0),
    requests.Forecast(),
    requests.Configuration(),
    requests.Ecowatt(),
    requests.EcowattFeed(signals=(EcowattDay(jour="2026-11-23", values=(EcowattHour(8, 3),), generated="2026-11-23T07:36:25+01:00"),)),
    requests.EcowattDismiss(proposal_id="e112317-3", reason="the fleet is away"),
]


@pytest.mark.parametrize("request_", EVERY_REQUEST, ids=lambda one: one.__struct_config__.tag)
def test_a_request_survives_json(request_: requests.Request) -> None:
    assert msgspec.json.decode(msgspec.json.encode(request_), type=requests.Request) == request_


def test_every_kind_of_request_is_tried_above() -> None:
    assert {type(one) for one in EVERY_REQUEST} == set(typing.get_args(requests.Request))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"request":"reboot"}',
        b'{"request":"dispatch","signal":"FCR"}',
        b'{"request":"dispatch","signal":"FCR","power_kw":"50","duration_s":30}',
        b'{"request":"dispatch","signal":"FCR","power_kw":NaN,"duration_s":30}',
        b'{"request":"dispatch","signal":"FCR","power_kw":50,"duration_s":30,"powr_kw":5}',
        b'{"request":"stop","reason":null}',
        b'{"request":"plan","signal":"FCR","power_kw":50,"duration_s":30}',
    ],
)
def test_headless_takes_nothing_unknown_or_malformed(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(line, type=requests.HEADLESS_REQUESTS)


def test_event_names_are_unique_and_what_the_documentation_says() -> None:
    tags = [str(kind.__struct_config__.tag) for kind in typing.get_args(events.Event)]
    assert len(tags) == len(set(tags))
    assert {
        "engine.ready",
        "link.changed",
        "request.accepted",
        "request.refused",
        "dispatch.completed",
        "alarm.raised",
        "run.summary",
    } < set(tags)


def test_replies_survive_json() -> None:
    reply = Refused(request="dispatch", reason=Refusal.NO_VEHICLES, message="no vehicle can take part", hint="see the fleet")
    assert msgspec.json.decode(msgspec.json.encode(reply), type=Refused) == reply
    assert msgspec.json.decode(msgspec.json.encode(Accepted(request="stop"))) == {"request": "stop", "result": None, "dispatch_id": ""}


def test_tables_of_words_fit_their_codes() -> None:
    assert len(QUALITY_MARKS) == len(Quality)
    assert len(set(FLEET_STATE_NAMES)) == len(FLEET_STATE_NAMES) <= 256


def ended(kind: type[DispatchEnded], requested_kw: float, acknowledged_kw: float) -> DispatchEnded:
    return kind(
        ts="2026-11-23T13:38:49.250Z",
        dispatch_id="a" * 32,
        signal="MA",
        state="completed",
        requested_kw=requested_kw,
        allocated_kw=requested_kw,
        acknowledged_kw=acknowledged_kw,
        delivered_kw=None,
        delivered_coverage=0.0,
        uncertain_kw=0.0,
        shortfall_kw=requested_kw - acknowledged_kw,
        vehicles=10,
        acked=10,
        limited=0,
        rejected=0,
        silent=0,
        pending=0,
    )


@pytest.mark.parametrize(
    ("kind", "requested_kw", "acknowledged_kw", "code"),
    [
        (DispatchCompleted, 100.0, 95.0, ExitCode.DONE),
        (DispatchCompleted, 100.0, 94.9, ExitCode.UNDER_ACKNOWLEDGED),
        (DispatchCompleted, -100.0, -95.0, ExitCode.DONE),
        (DispatchCompleted, -100.0, -90.0, ExitCode.UNDER_ACKNOWLEDGED),
        (DispatchCompleted, -100.0, 100.0, ExitCode.UNDER_ACKNOWLEDGED),
        (DispatchCompleted, 0.3, 0.1 + 0.2, ExitCode.DONE),
        (DispatchFailed, 100.0, 100.0, ExitCode.FAILED),
        (DispatchCancelled, 100.0, 100.0, ExitCode.FAILED),
        (DispatchStopped, 100.0, 100.0, ExitCode.FAILED),
    ],
)
def test_the_exit_code_of_a_dispatch(kind: type[DispatchEnded], requested_kw: float, acknowledged_kw: float, code: ExitCode) -> None:
    assert outcome_code(ended(kind, requested_kw, acknowledged_kw), 0.95) is code
