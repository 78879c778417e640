"""Vehicles on hold after failures: seen, found, and trusted again by a person."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import refreshed, running, text, until
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.fleet import FleetScreen
from v2g_console.console.widgets.fleet_pane import summary_rows
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.contract.requests import Fleet, ResetTrust
from v2g_console.contract.snapshot import Snapshot

pytestmark = pytest.mark.usefixtures("no_dwell")

VEHICLE = pictures.vehicle(pictures.normal(), "veh000001")


def failing(failures: int = 3, hold_s: float = 75.0) -> FakePort:
    port = FakePort()
    port.answers[Fleet] = lambda _: Accepted(request="fleet", result=msgspec.structs.replace(VEHICLE, failures=failures, hold_s=hold_s))
    return port


async def test_the_question_says_what_is_forgotten_and_no_is_the_default() -> None:
    port = failing()
    async with running(port) as (app, pilot):
        await pilot.press("tab", "T")
        await until(pilot, lambda: "veh000001: 3 failures in a row, on hold for 01:15 more." in text(app))
        await pilot.press("T", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
        assert port.asked(ResetTrust) == []
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y")
        await until(pilot, lambda: bool(app.notices))
        assert port.asked(ResetTrust) == [ResetTrust(vehicle_id="veh000001")]
        assert app.notices[-1] == "veh000001: trusted again, its failures are forgotten"


async def test_a_vehicle_that_did_not_fail_needs_no_pardon() -> None:
    port = failing(0, 0.0)
    async with running(port) as (app, pilot):
        await pilot.press("tab", "T")
        await until(pilot, lambda: bool(app.notices))
        assert "has not failed lately" in app.notices[-1] and port.asked(ResetTrust) == []


async def test_a_refusal_is_no_success() -> None:
    port = failing()
    port.answers[ResetTrust] = lambda _: Refused(request="reset_trust", reason=Refusal.FORBIDDEN, message="viewers can't")
    async with running(port) as (app, pilot):
        await pilot.press("tab", "T")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y")
        await until(pilot, lambda: bool(app.notices))
        assert list(app.notices) == ["viewers can't"]


async def test_without_a_vehicle_or_the_right_to_act_the_key_says_why() -> None:
    async with running(FakePort(pictures.empty())) as (app, pilot):
        await pilot.press("T")
        await until(pilot, lambda: bool(app.notices))
        assert "no vehicle is selected" in app.notices[-1]
    async with running(FakePort(pictures.read_only())) as (app, pilot):
        await pilot.press("tab", "T")
        await until(pilot, lambda: bool(app.notices))
        assert "read-only" in app.notices[-1]


def summary(width: int, **changes: object) -> str:
    picture: Snapshot = pictures.normal()
    shown = replace(picture, summary=msgspec.structs.replace(picture.summary, **changes))
    return "\n".join(row.plain for row in summary_rows(shown, UNICODE, width))


def test_the_overview_counts_holds_where_there_are_any_and_tells_fairness_where_there_is_room() -> None:
    assert "on hold 3" in summary(90, on_hold=3) and "hold" not in summary(90)
    assert "hold 3" in summary(52, on_hold=3)
    assert "fairness 0.83" in summary(90, fairness=0.83) and "fairness" not in summary(40)
    assert "fairness" not in summary(90, available=0)


async def test_the_held_ones_are_found_by_the_filter() -> None:
    port = FakePort()
    port.picture = replace(port.picture, fleet=replace(port.picture.fleet, on_hold=np.arange(200) == 41))
    async with running(port) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        await refreshed(pilot, app)
        await pilot.press("slash", *"is:held")
        await until(pilot, lambda: "1 of 200 vehicles" in text(app) and "veh000042" in text(app))
