"""The composer: fields that check themselves, a preview that is never stale, and a send that can't happen by accident."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import SteppedClock, running, text, until
from v2g_console.console.app import ConsoleApp
from v2g_console.console.composer_flow import DWELL_S, Step
from v2g_console.console.deliberate import HELD_S
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.options import ConsoleExit
from v2g_console.console.screens import composer as composer_module
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.console.widgets.banner import Banner
from v2g_console.console.widgets.toggle import Toggle
from v2g_console.contract.replies import Accepted, PlanView, Refusal, Refused, Reply
from v2g_console.contract.requests import Arm, Operate, Origin, Plan, Request

ASKED: dict[str, Any] = {"signal": "FCR", "power_kw": 300.0, "duration_s": 60.0}
PLAN = pictures.plan(Plan(signal="FCR", power_kw=300.0, duration_s=60.0))


class SlowPort(FakePort):
    """Answers plans when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Plan, asyncio.Future[Reply]]] = []

    async def request(self, request: Request, origin: Origin) -> Reply:
        if not isinstance(request, Plan):
            return await super().request(request, origin)
        self.requests.append(request)
        self.waiting.append((request, asyncio.get_running_loop().create_future()))
        return await self.waiting[-1][1]

    def answer(self, number: int, **changes: object) -> None:
        request, future = self.waiting[number]
        future.set_result(Accepted(request="plan", result=msgspec.structs.replace(pictures.plan(request), **changes)))


Pressing = Pilot[ConsoleExit]


@asynccontextmanager
async def composing(
    port: FakePort, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[tuple[ConsoleApp, Pressing, ComposerScreen, SteppedClock]]:
    """The composer, opened, on a clock of its own."""
    clock = SteppedClock()
    async with running(port, size) as (app, pilot):
        composer = ComposerScreen(app.model, app.glyphs, clock)
        await app.push_screen(composer)
        await until(pilot, lambda: bool(port.asked(Plan)))
        await pilot.pause()
        yield app, pilot, composer, clock


async def armed(pilot: Pressing, composer: ComposerScreen, clock: SteppedClock) -> None:
    """Press Enter, see it armed, and take the time to read."""
    await pilot.press("enter")
    await until(pilot, lambda: composer.flow.step is Step.ARMED)
    clock.now_s += 1.0


def write(composer: ComposerScreen, field: str, value: str) -> None:
    composer.query_one(f"#composer-{field}", Input).value = value


async def test_d_enter_f5_sends_the_dispatch_that_was_shown_and_selects_it() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "60 vehicles of 88 that can" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "ARMED" in text(app))
        composer = app.screen
        assert isinstance(composer, ComposerScreen)
        shown = text(app)
        assert "FCR  ▲ 300 kW   up: inject more / draw less" in shown and "to 60 vehicles for 01:00   at all sites" in shown
        await until(pilot, lambda: composer.flow.send_key.ready)
        await pilot.press("f5")
        await until(pilot, lambda: not isinstance(app.screen, ComposerScreen))
        assert [type(request) for request in port.requests if isinstance(request, Arm | Operate)] == [Arm, Operate]
        assert port.asked(Operate) == [Operate(plan_id="plan-1", revision=1)]
        assert app.model.selected_dispatch_id == pictures.DISPATCH_ID


async def test_keys_typed_quickly_after_tab_go_into_the_next_field() -> None:
    async with composing(FakePort()) as (app, pilot, composer, _clock):
        for key in ("4", "0", "0", "tab", "5", "m"):  # all at once, as a terminal hands over what was typed while the screen was busy
            app.post_message(Key(key, key if len(key) == 1 else "\t"))
        await until(pilot, lambda: composer.query_one("#composer-duration", Input).value == "5m")
        assert composer.query_one("#composer-power", Input).value == "400"


async def test_enter_before_the_preview_is_there_arms_once_it_is() -> None:
    port = SlowPort()
    async with composing(port) as (app, pilot, composer, _clock):
        await pilot.press("enter")
        await until(pilot, lambda: len(port.waiting) == 2)
        assert port.asked(Arm) == []
        port.answer(1)
        await until(pilot, lambda: composer.flow.step is Step.ARMED)
        assert "ARMED" in text(app)


async def test_f5_right_after_arming_is_a_held_key_and_sends_nothing() -> None:
    port = FakePort()
    async with composing(port) as (app, pilot, composer, clock):
        await pilot.press("enter")
        await until(pilot, lambda: composer.flow.step is Step.ARMED)
        clock.now_s += DWELL_S - 0.01
        await pilot.press("f5", "f5", "f5")
        assert port.asked(Operate) == []
        assert "too soon after arming" in text(app)
        for pause_s in (1.0, *[0.05] * 40):  # still held: the terminal repeats it, after its first long pause
            clock.now_s += pause_s
            await pilot.press("f5")
        assert port.asked(Operate) == []
        clock.now_s += HELD_S
        await pilot.press("f5")
        await until(pilot, lambda: len(port.asked(Operate)) == 1)


async def test_what_is_left_of_being_armed_is_the_same_in_words_and_in_the_bar() -> None:
    async with composing(FakePort()) as (app, pilot, composer, clock):
        await pilot.press("enter")
        await until(pilot, lambda: composer.flow.step is Step.ARMED)
        for gone_s in (0.0, composer.flow.armed_s / 2, composer.flow.armed_s / 4):
            clock.now_s += gone_s
            left_s = composer.flow.left_s()
            await until(pilot, partial(lambda told: told in text(app), f" {left_s:.1f} s  "))
            (row,) = (row for row in text(app).splitlines() if " ARMED " in row)
            assert row.partition(" s  ")[2].count(UNICODE.bar_full) == int(20 * left_s / composer.flow.armed_s)


async def test_no_number_of_enters_ever_sends() -> None:
    port = FakePort()
    async with composing(port) as (_app, pilot, _composer, clock):
        for _ in range(20):
            await pilot.press("enter")
            clock.now_s += 0.4
        assert len(port.asked(Arm)) == 1
        assert port.asked(Operate) == []


async def test_no_number_of_f5_sends_what_is_not_armed() -> None:
    port = FakePort()
    async with composing(port) as (app, pilot, _composer, _clock):
        await pilot.press("f5", "f5", "f5")
        assert port.asked(Operate) == port.asked(Arm) == []
        assert "not armed: Enter arms the plan first" in text(app)


class HoldingPort(FakePort):
    """Keeps the answer to one kind of request back until the test lets it go."""

    def __init__(self, kind: type[Request]) -> None:
        super().__init__()
        self.kind = kind
        self.held: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def request(self, request: Request, origin: Origin) -> Reply:
        reply = await super().request(request, origin)
        if isinstance(request, self.kind):
            await self.held
        return reply


async def test_a_second_f5_sends_nothing_twice() -> None:
    port = HoldingPort(Operate)
    async with composing(port) as (app, pilot, composer, clock):
        await armed(pilot, composer, clock)
        await pilot.press("f5", "f5", "enter", "f5")
        assert "SENDING" in text(app)
        port.held.set_result(None)
        await until(pilot, lambda: not isinstance(app.screen, ComposerScreen))
        assert len(port.asked(Operate)) == 1


async def test_the_key_that_opens_it_does_no_harm_when_held() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press(*"dddddd")
        composer = app.screen
        assert isinstance(composer, ComposerScreen)
        assert len(app.screen_stack) == 2
        assert composer.query_one("#composer-power", Input).value == "300"
        assert composer.query_one("#composer-signal", Input).value == "FCR"


async def test_escape_disarms_first_and_leaves_second() -> None:
    port = FakePort()
    async with composing(port) as (app, pilot, composer, clock):
        await armed(pilot, composer, clock)
        await pilot.press("escape")
        assert "disarmed: nothing was sent" in text(app)
        await pilot.press("f5")
        assert port.asked(Operate) == []
        await pilot.press("escape")
        assert not isinstance(app.screen, ComposerScreen)


async def test_the_time_to_send_is_counted_down_and_then_nothing_can_be_sent() -> None:
    port = FakePort()
    async with composing(port) as (app, pilot, composer, clock):
        await pilot.press("enter")
        await until(pilot, lambda: composer.flow.step is Step.ARMED)
        clock.now_s += 7.0
        left_s = composer.flow.left_s()
        assert 0 < left_s <= 3.0
        await until(pilot, lambda: f"{left_s:.1f} s" in text(app))
        clock.now_s += 3.1
        await pilot.press("f5")
        await until(pilot, lambda: "the time to send is over: nothing was sent" in text(app))
        await pilot.press("f5")
        assert port.asked(Operate) == []


async def test_only_the_newest_question_is_answered_on_screen() -> None:
    port = SlowPort()
    async with composing(port) as (app, pilot, composer, _clock):
        write(composer, "power", "400")
        await until(pilot, lambda: len(port.waiting) == 2)
        port.answer(1, vehicles=42)
        await until(pilot, lambda: "42 vehicles of" in text(app))
        port.answer(0, vehicles=13)
        await pilot.pause()
        assert "13 vehicles of" not in text(app)
        assert composer.flow.plan is not None and composer.flow.plan.requested_kw == 400.0


async def test_typing_is_asked_once_when_it_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composer_module, "DEBOUNCE_S", 0.6)
    port = FakePort()
    async with composing(port) as (_app, pilot, composer, _clock):
        before = len(port.asked(Plan))
        for power in ("1", "12", "120"):
            write(composer, "power", power)
            await pilot.pause()
        await until(pilot, lambda: len(port.asked(Plan)) > before)
        await pilot.pause(composer_module.DEBOUNCE_S)
        assert [plan.power_kw for plan in port.asked(Plan)[before:] if isinstance(plan, Plan)] == [120.0]


async def test_a_plan_of_other_fields_is_marked_and_cannot_be_armed() -> None:
    port = SlowPort()
    async with composing(port) as (app, pilot, composer, _clock):
        port.answer(0)
        await until(pilot, lambda: composer.flow.current)
        write(composer, "power", "999")
        await until(pilot, lambda: "the plan before the last change" in text(app))
        await pilot.press("enter")
        assert port.asked(Arm) == []


async def test_a_wrong_field_takes_the_plan_away() -> None:
    port = FakePort()
    async with composing(port) as (app, pilot, composer, _clock):
        write(composer, "signal", "FRC")
        await until(pilot, lambda: "expected one of FCR" in text(app))
        await pilot.press("enter")
        assert "the marked field must be changed first" in text(app)
        assert port.asked(Arm) == []


async def test_an_edit_while_arming_is_under_way_leaves_it_unarmed() -> None:
    port = HoldingPort(Arm)
    async with composing(port) as (_app, pilot, composer, clock):
        await until(pilot, lambda: composer.flow.current)
        await pilot.press("enter")
        await until(pilot, lambda: bool(port.asked(Arm)))
        write(composer, "power", "900")
        await pilot.pause()
        port.held.set_result(None)
        await until(pilot, lambda: composer.flow.current)
        clock.now_s += 1.0
        await pilot.press("f5")
        assert composer.flow.step is Step.EDITING and port.asked(Operate) == []


async def test_a_changed_plan_is_told_and_must_be_armed_again() -> None:
    port = FakePort()
    newer = msgspec.structs.replace(PLAN, plan_id="plan-2", revision=2, vehicles=48, allocated_kw=240.0, shortfall_kw=60.0)
    newer = msgspec.structs.replace(newer, warnings=("two sites have no telemetry",))
    port.answers[Operate] = lambda _: Refused(request="operate", reason=Refusal.PLAN_CHANGED, message="the fleet changed", plan=newer)
    async with composing(port) as (app, pilot, composer, clock):
        await armed(pilot, composer, clock)
        await pilot.press("f5")
        await until(pilot, lambda: "PLAN_CHANGED: the fleet changed" in text(app))
        await until(pilot, lambda: "Changed since it was armed" in text(app))
        shown = text(app)
        assert "nothing was sent. Changed: allocated ▲ 300.0 kW -> ▲ 240.0 kW, shortfall 0.0 kW -> 60.0 kW, vehicles 60 -> 48" in shown
        table = shown[shown.index("Changed since it was armed") :]
        for label, before, after in (("allocated", "▲ 300.0 kW", "▲ 240.0 kW"), ("vehicles", "60", "48"), ("warning", "none", "two sites")):
            row = next(row for row in table.splitlines() if label in row)
            assert row.index(before) < row.index("->") < row.index(after)
        await pilot.press("enter", "f5", "enter", "f5")  # still pressing: what changed was not read
        assert len(port.asked(Arm)) == 1
        clock.now_s += 5.0
        await pilot.press("f5")
        assert len(port.asked(Operate)) == 1
        await pilot.press("enter")
        await until(pilot, lambda: len(port.asked(Arm)) == 2)
        assert port.asked(Arm)[1] == Arm(plan_id="plan-2", revision=2)


async def test_above_the_limit_the_power_is_typed() -> None:
    port = FakePort()
    port.answers[Plan] = lambda request: Accepted(request="plan", result=_large(request))
    async with composing(port) as (app, pilot, composer, _clock):
        await until(pilot, lambda: composer.flow.current)
        await pilot.press("enter")
        await until(pilot, lambda: "type 300 and press Enter" in text(app))
        assert port.asked(Arm) == []
        await pilot.press(*"299", "enter")
        assert port.asked(Arm) == []
        await pilot.press("backspace", *"9", "home", "delete", "delete", "delete", *"300", "enter")
        await until(pilot, lambda: composer.flow.step is Step.ARMED)
        assert port.asked(Arm) == [Arm(plan_id="plan-1", revision=1, typed_kw=300.0)]


def _large(request: Request) -> PlanView:
    assert isinstance(request, Plan)
    return msgspec.structs.replace(pictures.plan(request), type_to_confirm=True)


@pytest.mark.parametrize("kind", [Plan, Arm, Operate])
async def test_a_refusal_stands_in_its_place_with_reason_message_and_hint(kind: type[Request]) -> None:
    port = FakePort()
    async with composing(port) as (app, pilot, composer, clock):
        port.answers[kind] = lambda _: Refused(request="x", reason=Refusal.SHORTFALL, message="60 kW short", hint="lower the power")
        if kind is Plan:
            write(composer, "power", "360")
        else:
            await pilot.press("enter")
        if kind is Operate:
            await until(pilot, lambda: composer.flow.step is Step.ARMED)
            clock.now_s += 1.0
            await pilot.press("f5")
        await until(pilot, lambda: "SHORTFALL: 60 kW short (lower the power)" in text(app))
        assert composer.flow.step is Step.EDITING


async def test_a_plan_that_the_engine_forgot_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composer_module, "REPLAN_S", 3600.0)
    port = FakePort()
    port.answers[Arm] = lambda _: Refused(request="arm", reason=Refusal.UNKNOWN_PLAN, message="no such plan")
    port.answers[Plan] = lambda _: Accepted(request="plan", result=msgspec.structs.replace(PLAN, plan_id=f"plan-{len(port.asked(Plan))}"))
    async with composing(port) as (app, pilot, composer, _clock):
        await until(pilot, lambda: composer.flow.current)
        before = len(port.asked(Plan))
        await pilot.press("enter")
        await until(pilot, lambda: len(port.asked(Plan)) == before + 1)
        await until(pilot, lambda: composer.flow.current)
        await pilot.pause()
        assert "UNKNOWN_PLAN: no such plan" in text(app)
        assert "Changed since it was armed" not in text(app)  # it never was


async def test_leaving_while_sending_breaks_nothing_off() -> None:
    port = HoldingPort(Operate)
    async with composing(port) as (app, pilot, composer, clock):
        await armed(pilot, composer, clock)
        await pilot.press("f5")
        await until(pilot, lambda: bool(port.asked(Operate)))
        await pilot.press("escape")
        assert not isinstance(app.screen, ComposerScreen)
        port.held.set_result(None)
        await until(pilot, lambda: app.model.selected_dispatch_id == pictures.DISPATCH_ID)


async def test_an_engine_that_dies_while_sending_does_not_read_as_not_sent() -> None:
    port = FakePort()
    async with composing(port) as (app, pilot, composer, clock):
        await armed(pilot, composer, clock)

        def die(_: Request) -> Reply:
            raise ConnectionError("socket closed")

        port.answers[Operate] = die
        await pilot.press("f5")
        await until(pilot, lambda: "it is not known whether it was sent" in text(app))


async def test_up_and_down_walk_through_the_signals() -> None:
    async with composing(FakePort()) as (_app, pilot, composer, _clock):
        await pilot.press("shift+tab", "down")
        assert composer.query_one("#composer-signal", Input).value == "aFRR_UP"
        await pilot.press("up", "up")
        assert composer.query_one("#composer-signal", Input).value == "EcoWatt"


async def test_shortfall_preemption_risk_and_warnings_are_in_the_preview() -> None:
    port = FakePort()
    bad = msgspec.structs.replace(
        PLAN,
        allocated_kw=240.0,
        shortfall_kw=60.0,
        limits=(("SITE_LIMIT", 60.0),),
        departures_at_risk=3,
        preempts=(("#81c0", 40.0),),
        warnings=("two sites have no telemetry",),
    )
    port.answers[Plan] = lambda _: Accepted(request="plan", result=bad)
    async with composing(port, (80, 40)) as (app, pilot, _composer, _clock):
        await until(pilot, lambda: "60 kW, by cause:" in text(app))
        shown = text(app)
        assert "SITE_LIMIT          -60 kW" in shown and "its site is at its limit" in shown
        plan_at = next(n for n, row in enumerate(shown.splitlines()) if "Plan  60 vehicles" in row)
        assert "takes 40 kW from #81c0" in shown.splitlines()[plan_at + 1]
        assert "3 at risk" in shown and "two sites have no telemetry" in shown
        assert "SOC_BELOW_MIN      SoC too low for the product or its driver" in shown
        assert "80 kW on 16 vehicles" in shown


async def test_what_is_taken_from_another_dispatch_stands_in_the_armed_plan_at_any_size() -> None:
    port = FakePort()
    taking = msgspec.structs.replace(PLAN, preempts=(("#81c0", 40.0),), shortfall_kw=60.0, allocated_kw=240.0)
    port.answers[Plan] = port.answers[Arm] = lambda _: Accepted(request="plan", result=taking)
    async with composing(port, (60, 14)) as (app, pilot, composer, clock):
        await armed(pilot, composer, clock)
        await until(pilot, lambda: "takes 40 kW from #81c0; 60 kW short of ▲ 300 kW" in text(app))


async def test_the_switches_say_what_is_meant_and_go_into_the_plan() -> None:
    port = FakePort()
    async with composing(port) as (app, pilot, composer, _clock):
        assert "preempt: no" in text(app) and "accept partial: as configured" in text(app)
        composer.query_one("#composer-preempt", Toggle).focus()
        await pilot.press("space", "tab", "up")
        await until(pilot, lambda: "takes from lower ranks, a shortfall is refused" in text(app))
        await until(pilot, lambda: port.asked(Plan)[-1] == Plan(**ASKED, preempt=True, accept_partial=False))
        await pilot.press("up")
        await until(pilot, lambda: port.asked(Plan)[-1] == Plan(**ASKED, preempt=True, accept_partial=True))
        await until(pilot, lambda: composer.flow.current)
        await pilot.press("enter")
        await until(pilot, lambda: composer.flow.step is Step.ARMED)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (40, 10)])
async def test_start_reference_note_and_test_are_reached_by_tab_and_stand_in_the_armed_plan_at_any_size(size: tuple[int, int]) -> None:
    port = FakePort()
    async with composing(port, size) as (app, pilot, composer, clock):
        composer.query_one("#composer-partial", Toggle).focus()
        await pilot.press("tab", *"2099-01-01T10:00:00Z", "tab", *"RTE-117", "tab", *"dry", "space", *"run", "tab", "space")
        meant = Plan(**ASKED, start_at="2099-01-01T10:00:00+00:00", external_ref="RTE-117", note="dry run", test=True)
        await until(pilot, lambda: port.asked(Plan)[-1] == meant)
        assert "test: yes" in text(app), "the field with the focus is scrolled to"
        await until(pilot, lambda: composer.flow.current)
        await armed(pilot, composer, clock)
        await until(pilot, lambda: "TEST from 2099-01-01 10:00:00Z" in text(app))
        assert "FCR  ▲ 300 kW" in text(app) and "60 vehicles for 01:00" in text(app)
        assert size[1] < 14 or "ref RTE-117, dry run" in text(app)
        await pilot.press("f5")
        await until(pilot, lambda: len(port.asked(Operate)) == 1)
        await until(pilot, lambda: any(note.startswith("scheduled: FCR") for note in app.notices))


async def test_the_commonest_path_needs_none_of_the_further_fields() -> None:
    port = FakePort()
    async with composing(port) as (_app, pilot, composer, clock):
        await armed(pilot, composer, clock)
        assert port.asked(Plan)[-1] == Plan(**ASKED)


async def test_the_allocators_offered_are_those_of_the_engine() -> None:
    known = ("equal", "smart", "merit", "lp", "segmented")
    port = FakePort(replace(pictures.normal(), engine=pictures.engine(allocators=known)))
    async with composing(port) as (app, pilot, composer, _clock):
        assert "equal, smart, merit, lp, segmented" in text(app)
        field = composer.query_one("#composer-allocator", Input)
        field.focus()
        seen = []
        for _ in known:
            await pilot.press("down")
            seen.append(field.value)
        assert tuple(seen) == known


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (60, 14), (40, 10)])
async def test_what_will_be_sent_is_readable_at_any_size(size: tuple[int, int]) -> None:
    async with composing(FakePort(), size) as (app, pilot, composer, clock):
        await armed(pilot, composer, clock)
        await pilot.pause()
        assert "ARMED" in text(app) and "FCR  ▲ 300 kW" in text(app) and "60 vehicles for 01:00" in text(app)
        assert "F5 SEND" in text(app)


async def test_who_may_not_plan_reads_why_there_is_no_plan() -> None:
    port = FakePort()
    port.answers[Plan] = lambda _: Refused(request="plan", reason=Refusal.FORBIDDEN, message="plan needs the role operator", hint="")
    async with composing(port) as (app, pilot, _, _):
        await until(pilot, lambda: "There is no plan: nothing can be armed." in text(app))
        assert text(app).count("plan needs the role operator") >= 1


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (40, 10)])
async def test_a_lost_link_and_the_way_out_are_seen_in_the_composer_at_any_size(size: tuple[int, int]) -> None:
    port = FakePort()
    async with composing(port, size) as (app, pilot, _, _):
        assert "link" in text(app) and "Esc leave" in text(app)
        port.show(pictures.cut())
        app.tick()
        await until(pilot, lambda: "✗" in text(app).splitlines()[1])


async def test_words_beside_the_fields_come_back_when_the_terminal_grows() -> None:
    async with composing(FakePort(), (40, 10)) as (app, pilot, _, _):
        assert "…" not in text(app)
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: "up: inject more / draw less" in text(app))


async def test_trouble_is_told_from_the_first_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ComposerScreen, "apply_snapshot", lambda *_: None)  # no further picture comes
    async with running(FakePort(pictures.cut())) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
        assert app.screen.query_one(Banner).display
        assert "MQTT link down" in text(app)
