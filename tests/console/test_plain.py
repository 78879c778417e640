"""The console as lines of text: the same actions, guards and questions, told in sentences."""

import asyncio
import io
import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN
from tests.console.plain_talk import Paper, Talk, talk
from v2g_console.attach.recorder import RecordingNews
from v2g_console.console.actions import ACTIONS, Danger, Scope
from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.plain import line_source
from v2g_console.console.plain.commands import COMMANDS, find
from v2g_console.console.plain.line_source import LineSource
from v2g_console.console.plain.reasons import without_keys
from v2g_console.console.plain.speaker import Speaker
from v2g_console.console.plain.words import dispatch_line
from v2g_console.console.rights import ASKS
from v2g_console.contract.configuration import ConfigurationRow, ConfigurationView
from v2g_console.contract.record import JournalRow
from v2g_console.contract.replies import Accepted, Refusal, Refused, Reply
from v2g_console.contract.requests import (
    AckAlarm,
    Approve,
    Arm,
    Cancel,
    Configuration,
    Note,
    Operate,
    Plan,
    Reject,
    Request,
    ResetTrust,
    Resume,
    Retry,
    ShelveAlarm,
    Stop,
    Tag,
    Unlock,
    UnshelveAlarm,
    Untag,
    Update,
)
from v2g_console.contract.snapshot import ApprovalView, Snapshot
from v2g_console.contract.tags import TagKind, TagScope, TagView
from v2g_console.domain.states import DispatchState

APPROVAL = ApprovalView(
    approval_id="p4",
    revision=3,
    request="operate",
    by="bruno",
    way="console",
    asked_ms=pictures.NOW_MS,
    expires_ms=pictures.NOW_MS + 60_000,
    limit_kw=250.0,
    signal="FCR",
    power_kw=300.0,
    duration_s=60.0,
    vehicles=52,
    allocated_kw=300.0,
)
TAG = TagView(tag_id="t3", kind=TagKind.CAUTION, scope=TagScope.SITE, name="lyon-2", note="roof works", by="ines", at_ms=pictures.NOW_MS)
ONLY_TARGETS_THE_SCREEN = {
    "vehicle.open", "view.theme", "view.palette", "alarms.ack_visible",
}  # fmt: skip


async def test_a_dispatch_takes_three_commands() -> None:
    port = FakePort(pictures.quiet())
    told = await talk("dispatch FCR 300 60s site=paris-nord", "arm", "send", port=port)
    (plan,) = port.asked(Plan)
    assert isinstance(plan, Plan)
    assert (plan.signal, plan.power_kw, plan.duration_s, plan.sites) == ("FCR", 300.0, 60.0, ("paris-nord",))
    assert len(port.asked(Arm)) == len(port.asked(Operate)) == 1
    for words in ("Plan: FCR up 300 kW", "Nothing is sent yet", "ARMED for 10 s", "Sent: FCR"):
        assert words in told


async def test_start_reference_note_and_test_are_said_before_and_after_sending() -> None:
    port = FakePort(pictures.quiet())
    asked = "dispatch FCR 300 60s start=2099-01-01T10:00:00+01:00 ref=RTE-117 'note=dry run' test=yes vehicle=veh000001,veh000002"
    told = await talk(asked, "arm", "send", port=port)
    (plan,) = port.asked(Plan)
    assert isinstance(plan, Plan)
    assert (plan.start_at, plan.external_ref, plan.note, plan.test) == ("2099-01-01T10:00:00+01:00", "RTE-117", "dry run", True)
    assert plan.vehicles == ("veh000001", "veh000002")
    starts = "2099-01-01 10:00:00+01:00 (09:00:00Z)"
    for words in ("TEST: it is marked so", f"Starts {starts}.", "Reference: RTE-117.", "Note: dry run.", "ARMED for 10 s: TEST FCR"):
        assert words in told, words
    assert f", from {starts}" in told and "Scheduled: TEST FCR" in told and "Sent:" not in told
    assert "start: expected 18:30" in await talk("dispatch FCR 300 60s start=soon")


async def test_nothing_is_sent_without_all_three_in_order_and_in_time() -> None:
    port = FakePort(pictures.quiet())
    told = await talk("send", "arm", "dispatch FCR 300 60s", "send", port=port)
    assert "Nothing is armed" in told and "There is no plan" in told
    assert not port.asked(Arm) and not port.asked(Operate)
    late = Talk([], FakePort(pictures.quiet()))

    def wait() -> None:
        late.clock.now_s += 10.1

    late.typist._steps = ["dispatch FCR 300 60s", "arm", wait, "send", "quit"]
    _, told = await late.held()
    assert "The ten seconds are over: nothing was sent" in told and not late.port.asked(Operate)
    again = FakePort(pictures.quiet())
    await talk("dispatch FCR 300 60s", "arm", "dispatch FCR 200 60s", "send", port=again)
    assert not again.asked(Operate)


async def test_a_plan_that_changed_must_be_armed_again() -> None:
    port = FakePort(pictures.quiet())
    changed = msgspec.structs.replace(pictures.armed_plan(pictures.NOW_MS), revision=9, allocated_kw=111.0)
    answers: list[Reply] = [
        Refused(request="operate", reason=Refusal.PLAN_CHANGED, message="the fleet changed", plan=changed),
        Accepted(request="operate", dispatch_id=pictures.DISPATCH_ID),
    ]
    port.answers[Operate] = lambda _: answers.pop(0)
    told = await talk("dispatch FCR 300 60s", "arm", "send", "send", "arm", "send", port=port)
    assert "PLAN_CHANGED" in told and "It allocates up 111 kW" in told and "arm again if it is right" in told
    assert len(port.asked(Operate)) == 2
    assert [one.revision for one in port.asked(Arm) if isinstance(one, Arm)][-1] == 9


async def test_a_large_power_is_typed_and_cautions_are_read_before_arming() -> None:
    port = FakePort(pictures.quiet())

    def planned(request: Request) -> Reply:
        assert isinstance(request, Plan)
        return Accepted(request="plan", result=msgspec.structs.replace(pictures.plan(request), type_to_confirm=True, cautions=(TAG,)))

    port.answers[Plan] = planned
    refused = await talk("dispatch FCR 300 60s", "arm", "30", "arm", "300", "n", port=port)
    assert "not the power of the plan" in refused and not port.asked(Arm)
    told = await talk("dispatch FCR 300 60s", "arm", "300", "y", port=port)
    assert "CAUTION t3 on site lyon-2 by ines: roof works" in told
    (armed,) = port.asked(Arm)
    assert isinstance(armed, Arm) and armed.typed_kw == 300.0 and armed.accept_cautions


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dispatch", "Say signal, power and duration. Usage: dispatch SIGNAL KW DURATION"),
        ("dispatch FOO 300 60s", "signal: expected one of"),
        ("dispatch FCR lots 60s", "power: expected kW"),
        ("dispatch FCR 300 soon", "duration: "),
        ("dispatch FCR 300 60s site=atlantis", "sites: "),
        ("dispatch FCR 300 60s colour=red", "colour is no option"),
        ("cancel #ffff", "No dispatch is called #ffff"),
        ("cancel", "Which one? Active are #7f3a, #81c0"),
        ("update", "Say the new power"),
        ("vehicle", "Name a vehicle. Usage: vehicle ID"),
        ("fleet soc<", "Usage: fleet [FILTER]"),
        ("wait", "Say how long"),
        ("handover never", "is not a duration"),
        ("tag red vehicle veh000001 x", "Say caution or inhibit"),
        ("shelve a1 1h", "Say which alarm, how long and why"),
        ("untag t99 done", "There is no tag t99"),
        ("dispathc FCR 300 5m", "did you mean dispatch?"),
        ("'unclosed", "There is no command"),
        ("\x1b[31m\u202estatus", "There is no command \\x1b[31m\\u202estatus"),
    ],
)
async def test_what_is_written_wrongly_is_explained_and_asks_nothing(line: str, words: str) -> None:
    port = FakePort()
    told = await talk(line, port=port)
    assert words in told
    assert not [one for one in port.requests if type(one).__name__ not in {"Fleet"}]


async def test_looking_tells_in_sentences() -> None:
    port = FakePort(replace(pictures.alarmed(), tags=(TAG,), approvals=(APPROVAL,)))
    port.journal_rows = [JournalRow(number=7, utc_ms=pictures.NOW_MS, kind="note", by="ana", text="charger 4 hums")]
    told = await talk(
        "status", "fleet state:silent", "vehicle veh000003", "dispatches", "dispatches 7f3a", "alarms", "link", "journal", "tag",
        "approvals", "forecast", "diagnostics", "help", "help arm", port=port,
    )  # fmt: skip
    for words in (
        "Engine paris-nord",
        "Link up for",
        "of 200 for state:silent.",
        "Vehicle veh000003 at ",
        "Dispatch #7f3a FCR up 1 500 kW: ",
        f"Id {pictures.DISPATCH_ID}",
        "NOT ACKNOWLEDGED, since",
        "messages refused",
        "2025-12-02 14:02:07Z: ",
        "Loop lag 0.0 ms at worst in 10 s; memory 84 MiB.",
        "7 2025-12-02 14:02:07Z note ana: charger 4 hums",
        "CAUTION t3 on site lyon-2 by ines: roof works.",
        "Approval p4: bruno asks for FCR up 300 kW for 01:00",
        "send: Send the armed plan.",
        "arm: Arm the plan.",
    ):
        assert words in told, words
    assert "\x1b" not in told and "▲" not in told and "▼" not in told


def acts(port: FakePort) -> list[Request]:
    """What was asked of the engine but for looking."""
    looks = {"Fleet", "Journal", "StopList", "Handover", "Status", "Plan", "DispatchDetail"}
    return [one for one in port.requests if type(one).__name__ not in looks]


SILENT_ID = pictures.DISPATCH_ID
ACTING: list[tuple[str, Snapshot, list[str], Request]] = [
    ("stop", pictures.normal(), ["y"], Stop()),
    ("stop smoke at the depot", pictures.normal(), ["y"], Stop(reason="smoke at the depot")),
    ("resume", pictures.stopped(), ["y"], Resume()),
    ("cancel 7f3a", pictures.normal(), ["yes"], Cancel(dispatch_id=SILENT_ID)),
    ("retry #7f3a", pictures.normal(), [], Retry(dispatch_id=SILENT_ID)),
    ("update 7f3a 1200", pictures.normal(), ["y"], Update(dispatch_id=SILENT_ID, power_kw=1200.0)),
    ("ack", pictures.alarmed(), [], AckAlarm(alarm_id="a1")),
    ("shelve a1 30m being repaired", pictures.alarmed(), [], ShelveAlarm(alarm_id="a1", for_s=1800.0, reason="being repaired")),
    ("unshelve a1", pictures.alarmed(), [], UnshelveAlarm(alarm_id="a1")),
    ("trust veh000003", pictures.normal(), ["y"], ResetTrust(vehicle_id="veh000003")),
    (
        "tag inhibit site lyon-2 roof works",
        pictures.normal(),
        ["y"],
        Tag(kind=TagKind.INHIBIT, scope=TagScope.SITE, name="lyon-2", note="roof works"),
    ),
    ("tag caution fleet storm", pictures.normal(), ["y"], Tag(kind=TagKind.CAUTION, scope=TagScope.FLEET, note="storm")),
    ("untag t3 done", replace(pictures.normal(), tags=(TAG,)), ["y"], Untag(tag_id="t3", note="done")),
    ("note charger 4 hums", pictures.normal(), [], Note(text="charger 4 hums")),
    ("approve", replace(pictures.normal(), approvals=(APPROVAL,)), ["y"], Approve(approval_id="p4", revision=3)),
    ("reject p4 too much", replace(pictures.normal(), approvals=(APPROVAL,)), ["y"], Reject(approval_id="p4", reason="too much")),
]


@pytest.mark.parametrize(("line", "picture", "answers", "wanted"), ACTING, ids=[case[0].split()[0] for case in ACTING])
async def test_each_command_that_acts_asks_for_it_and_nothing_else(
    line: str, picture: Snapshot, answers: list[str], wanted: Request
) -> None:
    if isinstance(wanted, AckAlarm | ShelveAlarm | UnshelveAlarm):
        first = min(picture.alarms, key=lambda one: (one.priority, one.raised_ms)).alarm_id
        line, wanted = line.replace("a1", first), msgspec.structs.replace(wanted, alarm_id=first)
    port = FakePort(picture)
    await talk(line, *answers, port=port)
    assert acts(port) == [wanted]
    assert port.origins[-1] == ORIGIN
    for no in ("n", "", "sure", "yes please"):
        if answers:
            kept = FakePort(picture)
            told = await talk(line, no, port=kept)
            assert acts(kept) == [] and "No: nothing was done." in told


@pytest.mark.parametrize("line", sorted({case[0] for case in ACTING} | {"dispatch FCR 300 60s", "arm", "send"}))
async def test_a_read_only_console_keeps_everything_back_and_says_why(line: str) -> None:
    port = FakePort(replace(pictures.read_only(), alarms=pictures.alarmed().alarms, tags=(TAG,), approvals=(APPROVAL,)))
    told = await talk(line, "y", port=port)
    assert acts(port) == [] and not port.asked(Plan)
    assert "Not now: this console is read-only" in told


def test_what_has_not_begun_is_not_short() -> None:
    waiting = pictures.first_dispatch(shortfall_kw=10.0, due_ms=pictures.NOW_MS)
    assert "SHORT" not in dispatch_line(waiting) and "SHORT 10 kW" in dispatch_line(msgspec.structs.replace(waiting, due_ms=None))


def test_every_action_has_a_command() -> None:
    scopes = {Scope.GLOBAL, Scope.COMPOSER, Scope.ALARMS}
    covered = {name for command in COMMANDS for name in (command.action, command.about) if "." in name and " " not in name}
    wanted = {action.id for action in ACTIONS if action.scope in scopes and (action.danger is not Danger.NONE or action.id in ASKS)}
    by_name = {"vehicle.tag": "tag", "vehicle.untag": "untag", "dispatch.stop_here": "stop", "alarm.ack": "ack"}
    # Their actions are about what is selected, these about what is named: titles of their own.
    by_name |= {"dispatch.cancel": "cancel", "dispatch.update": "update", "dispatch.retry": "retry", "vehicle.trust": "trust"}
    assert all(find(name)[0] is not None for name in by_name.values())
    assert wanted - covered - set(by_name) - ONLY_TARGETS_THE_SCREEN == set()


def test_no_reason_of_a_guard_names_a_key() -> None:
    model = ConsoleModel(FakePort(), ORIGIN)
    cases = [pictures.quiet(), pictures.stopped(), pictures.normal(), pictures.read_only(), pictures.alarmed()]
    for locked in (False, True):
        for picture in cases:
            model.snapshot, model.view_lock.locked = picture, locked
            for action in ACTIONS:
                reason = without_keys(action.blocked(model) or "")
                assert not any(key in reason for key in ("F5", "F7", "F8", "F9", "press ", " L ", "(L)", "Space")), (action.id, reason)
    assert without_keys("open the dispatch: retry (r) or cancel (c)") == "open the dispatch: retry or cancel"


async def test_leaving_asks_and_stays_by_default() -> None:
    left, told = await Talk(["quit", "", "quit", "r"]).held()
    assert left is ConsoleExit.QUIT_RELEASE and "Staying." in told and "Active: 2 dispatches" in told
    assert (await Talk(["quit", "keep"]).held())[0] is ConsoleExit.QUIT_KEEP_RUNNING
    assert (await Talk(["quit"], FakePort(pictures.quiet())).held())[0] is ConsoleExit.QUIT_RELEASE
    assert (await Talk(["quit"], options=ConsoleOptions(attached="/run/x.sock", refresh_hz=0.001)).held())[0] is ConsoleExit.DETACHED


async def test_the_next_command_of_a_pipe_sees_what_the_last_one_did() -> None:
    port = FakePort(pictures.normal())
    port.answers[Stop] = lambda _: stopped(port)
    piped = Talk(["stop", "y", "resume", "y"], port, ConsoleOptions(refresh_hz=50.0), interactive=False)
    _, told = await piped.held()
    assert "STOP is not latched" not in told and [type(asked) for asked in port.requests if isinstance(asked, Stop | Resume)] == [
        Stop,
        Resume,
    ]


def stopped(port: FakePort) -> Accepted:
    port.picture = replace(port.picture, engine=msgspec.structs.replace(port.picture.engine, stopped=True))
    return Accepted(request="stop")


async def test_the_end_of_the_input_follows_the_policy() -> None:
    piped = Talk(["status"], interactive=False)
    assert (await piped.held())[0] is ConsoleExit.ENDED
    assert "> status\nEngine paris-nord" in piped.out.getvalue()
    typed = Talk(["status"])  # Ctrl+D asks; a second one is no answer
    left, told = await typed.held()
    assert left is ConsoleExit.ENDED and "Active: 2 dispatches" in told
    assert (await Talk([], FakePort(pictures.quiet())).held())[0] is ConsoleExit.QUIT_RELEASE


async def test_ctrl_c_is_a_no_in_a_question_and_asks_to_leave_at_the_prompt() -> None:
    talked = Talk([], FakePort())
    waiting: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    lines = iter(["stop", None, None, "stay"])

    def line(prompt: str) -> "asyncio.Future[str | None]":
        written = next(lines)
        if written is None:
            talked.console.interrupt()
            return waiting
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        answer.set_result(written)
        if "Quit?" in prompt:
            asyncio.get_running_loop().call_soon(talked.console.end)
        return answer

    talked.typist.line = line  # type: ignore[method-assign]  # of this typist only
    left, told = await talked.held()
    assert "No: nothing was done." in told and not talked.port.asked(Stop)
    assert "Quit? " not in told and "Active: 2 dispatches, " in told and "Staying." in told
    assert left is ConsoleExit.ENDED


async def test_a_console_nobody_uses_locks_and_stop_still_works() -> None:
    picture = replace(pictures.normal(), engine=pictures.engine(lock_after_s=60.0))
    talked = Talk([], FakePort(picture))

    def idle() -> None:
        talked.clock.now_s += 61.0

    talked.typist._steps = [idle, "cancel 7f3a", "stop", "y", "unlock", "y", "cancel 7f3a", "y", "quit", "r"]
    _, told = await talked.held()
    assert "it is view-only now" in told and "the command unlock takes it back into use" in told
    assert [type(one) for one in acts(talked.port) if type(one).__name__ != "Lock"] == [Stop, Unlock, Cancel]


async def test_the_lock_is_told_when_it_happens_and_a_line_of_an_answer_delays_it() -> None:
    talked = Talk([], FakePort(replace(pictures.normal(), engine=pictures.engine(lock_after_s=60.0))))
    await talked.console.tick()
    for idle_s, locked in ((40.0, False), (40.0, False), (61.0, True)):
        talked.clock.now_s += idle_s
        await talked.console.tick()
        assert ("it is view-only now" in talked.out.getvalue()) is locked
        talked.typist._steps = ["n"]
        await talked.console.answer(prompt="Sure? ")
    assert talked.console.model.view_lock.locked and talked.out.getvalue().count("it is view-only now") == 1


async def test_trouble_of_the_recording_is_told() -> None:
    news = RecordingNews("a.rec")
    talked = Talk([], FakePort(pictures.quiet()), ConsoleOptions(recording=news, refresh_hz=0.001))
    news.say("nothing is recorded now: a.rec can't be written")
    await talked.console.tick()
    assert "nothing is recorded now" in talked.out.getvalue()


async def test_a_line_that_is_too_long_is_never_two_commands() -> None:
    source = LineSource(io.StringIO("x" * 9_000 + " stop\nstatus\n"))
    assert await source.line("> ") == line_source.TOO_LONG
    assert await source.line("> ") == "status"
    assert await source.line("> ") is None
    assert find(line_source.TOO_LONG)[0] is None


def test_what_is_told_does_not_swallow_what_is_being_typed() -> None:
    out = Paper()
    speaker = Speaker(out, ascii_only=False)
    speaker.typed = lambda: "> canc"
    speaker.say("Link up ▲ 5 kW")
    assert out.getvalue() == "\nLink up up 5 kW\n> canc"


async def test_a_reader_who_has_gone_ends_the_console() -> None:
    talked = Talk([], FakePort(pictures.quiet()))
    talked.out.torn = True

    def nobody_types(prompt: str) -> "asyncio.Future[str | None]":
        return asyncio.get_running_loop().create_future()

    talked.typist.line = nobody_types  # type: ignore[method-assign]  # of this typist only
    assert (await talked.held())[0] is ConsoleExit.ENDED


def test_it_loads_neither_textual_nor_rich() -> None:
    load = "import sys, v2g_console.console.plain.run, v2g_console.console.plain.commands"
    code = f"{load}; sys.exit('textual' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


async def test_a_command_that_breaks_breaks_nothing_else() -> None:
    port = FakePort(pictures.quiet())

    def broken(_: Request) -> Reply:
        raise ValueError("a bug")

    port.answers[Note] = broken
    told = await talk("note hums", "status", port=port)
    assert "The command note broke: the log has the report." in told and "a bug" not in told
    assert told.count("Engine paris-nord") == 2


async def test_what_finds_nothing_says_what_is_unknown_and_what_there_is() -> None:
    told = await talk("journal bogus", "journal reqest", "journal round", "fleet bogus:3", "fleet veh000003", port=FakePort())
    assert "No kind is called 'bogus': There are acks, alarm, " in told and "did you mean request?" in told
    assert "no kind is called 'round'" not in told.lower()
    assert told.count("is called bogus, so that was looked for as text; there are id, is, site, ") == 1


async def test_a_tag_on_a_name_that_does_not_exist_is_never_asked_for() -> None:
    node = ConfigurationRow(key="grid.nodes[0].name", value="feeder-7", origin="config.yaml:4")
    port = FakePort(pictures.normal())
    port.answers[Configuration] = lambda _: Accepted(request="configuration", result=ConfigurationView(rows=(node,)))
    told = await talk(
        "tag inhibit site lyon-9 works", "tag caution vehicle veh999999 works", "tag caution site feeder-7 works", "y", port=port
    )
    assert "There is no site lyon-9: did you mean lyon-" in told and "CAUTION on site feeder-7: works." in told
    assert "on site lyon-9: works" not in told and "on vehicle veh999999: works" not in told
    assert [request.name for request in port.asked(Tag) if isinstance(request, Tag)] == ["feeder-7"]


async def test_what_was_taken_from_another_dispatch_is_said_of_both() -> None:
    taker = pictures.first_dispatch(moved=(("#81c0", 200.0), ("#81c0", 22.0)))
    loser = msgspec.structs.replace(taker, dispatch_id="81c0", short_id="#81c0", moved=(("#7f3a", -222.0),))
    told = await talk("status", port=FakePort(replace(pictures.normal(), dispatches=(taker, loser))))
    assert "took 222 kW from #81c0" in told and "lost 222 kW to #7f3a" in told


async def test_cancelling_what_has_not_begun_says_that_nothing_was_sent() -> None:
    waiting = pictures.first_dispatch(due_ms=pictures.NOW_MS + 60_000, vehicles=0, state=DispatchState.ARMED)
    told = await talk("cancel 7f3a", "y", port=FakePort(replace(pictures.normal(), dispatches=(waiting,))))
    assert "It has not begun: nothing was sent yet." in told and "released" not in told


async def test_who_asked_takes_back_what_waits_for_approval() -> None:
    port = FakePort(replace(pictures.normal(), approvals=(APPROVAL,)))
    told = await talk("approve p9", "cancel p4", "y", port=port)
    assert "No request p9 waits for you; p4 does." in told and "p4: taken back." in told
    assert port.asked(Cancel) == [Cancel(dispatch_id="p4")] and not port.asked(Approve)


async def test_an_attempt_without_the_role_reaches_the_engine_which_refuses_and_records_it() -> None:
    picture = pictures.normal()
    viewer = msgspec.structs.replace(picture.engine, role="viewer", denied={"stop": "operator", "resume": "supervisor"})
    port = FakePort(replace(picture, engine=viewer))
    port.answers[Stop] = lambda _: Refused(request="stop", reason=Refusal.FORBIDDEN, message="stop needs the role operator")
    told = await talk("status", "stop", "y", port=port)
    assert "you only look" in told and "This needs the role operator, and ana is viewer" in told
    assert port.asked(Stop) == [Stop()] and "Refused, FORBIDDEN: stop needs the role operator." in told


async def test_what_waits_for_a_second_person_does_not_read_as_a_refusal() -> None:
    port = FakePort(pictures.quiet())
    port.answers[Operate] = lambda _: Refused(request="operate", reason=Refusal.NEEDS_APPROVAL, message="ap-1: 300 kW is above 200 kW")
    told = await talk("dispatch FCR 300 60s", "arm", "send", port=port)
    assert "Nothing was sent, it waits for a second person: ap-1: 300 kW is above 200 kW." in told and "Refused" not in told
