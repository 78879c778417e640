"""The vehicle screen: everything that is known, how old it is, and reasons in words."""

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import SteppedClock, running, text, until
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.vehicle_text import vehicle_head, vehicle_rows
from v2g_console.contract.replies import Accepted, Refusal, Refused, VehicleView
from v2g_console.contract.requests import Fleet

VEHICLE = pictures.vehicle(pictures.normal(), "veh000001")


def told(vehicle: VehicleView, width: int = 140) -> str:
    head = vehicle_head(vehicle, 0.0, UNICODE)
    return "\n".join(row.plain for row in [head, *vehicle_rows(vehicle, pictures.NOW_MS, 0.0, width, UNICODE)])


def changed(**changes: object) -> VehicleView:
    return msgspec.structs.replace(VEHICLE, **changes)


@pytest.mark.parametrize(
    ("vehicle", "said"),
    [
        (changed(power_kw=5.0), "▲ 5.0 kW to grid"),
        (changed(power_kw=-7.4), "▼ 7.4 kW charging"),
        (changed(power_kw=None), "power             unknown"),
        (changed(soc=None), "SoC unknown"),
        (changed(quality="stale"), "~ stale"),
        (changed(quality="lost"), "! lost"),
        (changed(age_s=None, seen_ms=None, quality="unknown"), "never heard"),
        (changed(owed=True), "owed: not confirmed, sent again at each sign of life"),
        (changed(owner=""), "nobody: free"),
        (changed(reason="SOC_FLOOR"), "SOC_FLOOR: at the lowest SoC it may be taken to"),
        (changed(reason="UNKNOWN", reason_text="battery too cold"), "UNKNOWN: gave a reason of its own (battery too cold)"),
        (changed(reason="A_NEW_ONE"), "A_NEW_ONE"),
        (changed(baseline_kind="assumed"), "assumed: not charging, no measurement"),
        (changed(baseline_kind="frozen", owner="#7f3a"), "kept as it was when #7f3a took it"),
        (changed(baseline_kind="frozen", owner="", owed=True), "kept: its release is not confirmed"),
        (changed(baseline_kind="frozen", owner=""), "kept: not measured anew since its release"),
        (changed(departure_ms=None), "departure         not known"),
        (changed(departure_ms=pictures.NOW_MS - 120_000), "2 m 0 s overdue"),
        (changed(clock_offset_s=42.0), "+42.0 s  off by more than 5 s"),
        (changed(protocol=1), "no lease"),
        (changed(consent=False), "no: is not discharged"),
        (changed(charging=None), "state             "),
        (changed(failures=3, hold_s=41.2), "3 in a row"),
        (changed(failures=3, hold_s=41.2), "on hold           00:42 left  then a probe; T trusts it"),
        (changed(failures=3), "3 in a row  its next command is a probe"),
        (VEHICLE, "none in a row"),
        (changed(participation=0.0834), "participation     8.3%"),
        (changed(reversals=4, throughput_kwh=12.34), "4 reversals, 12.3 kWh while dispatched"),
    ],
)
def test_each_fact_is_in_words(vehicle: VehicleView, said: str) -> None:
    assert said in told(vehicle)


@pytest.mark.parametrize("width", [30, 78, 96, 118, 198])
def test_every_field_is_there_at_any_width(width: int) -> None:
    rows = "\n".join(row.plain for row in vehicle_rows(VEHICLE, pictures.NOW_MS, 0.0, width, UNICODE))
    labels = (
        "power",
        "setpoint",
        "baseline",
        "SoC",
        "last heard",
        "limits",
        "battery",
        "departure",
        "owned by",
        "reason",
        "commands",
        "Lately",
    )
    assert [label for label in labels if label not in rows] == []


@pytest.mark.parametrize("width", [30, 98, 198])
def test_what_happened_lately_is_folded_not_cut(width: int) -> None:
    long = "#7f3a aFRR_DOWN: rejected: gave a reason of its own (the driver said no at the charging point)"
    rows = vehicle_rows(changed(recent=((pictures.NOW_MS - 61_000, long),)), pictures.NOW_MS, 0.0, width, UNICODE)
    shown = [row.plain[width // 2 if width >= 96 else 0 : width].strip() for row in rows]
    assert long in " ".join(" ".join(shown[shown.index("Lately") :]).split())


async def test_it_asks_once_a_second_and_ages_between_answers() -> None:
    clock, port = SteppedClock(), FakePort()
    async with running(port) as (app, pilot):
        await app.push_screen(VehicleDetailScreen(app.model, app.glyphs, "veh000007", clock))
        await until(pilot, lambda: "3.0 s ago" in text(app))
        assert port.asked(Fleet) == [Fleet(vehicle_id="veh000007")]
        clock.now_s += 0.5
        app.show_model()
        await pilot.pause()
        assert "3.5 s ago" in text(app)
        assert len(port.asked(Fleet)) == 1
        clock.now_s += 0.6
        app.show_model()
        await until(pilot, lambda: len(port.asked(Fleet)) == 2 and "3.0 s ago" in text(app))


async def test_the_pause_of_a_vehicle_is_counted_down_between_answers() -> None:
    clock, port = SteppedClock(), FakePort()
    port.answers[Fleet] = lambda _: Accepted(request="fleet", result=changed(failures=2, hold_s=60.0))
    async with running(port) as (app, pilot):
        await app.push_screen(VehicleDetailScreen(app.model, app.glyphs, "veh000001", clock))
        await until(pilot, lambda: "01:00 left" in text(app))
        port.gone = "socket closed"
        clock.now_s += 20.0
        app.show_model()
        await until(pilot, lambda: "00:40 left" in text(app))
        clock.now_s += 41.0
        app.show_model()
        await until(pilot, lambda: "its next command is a probe" in text(app))


async def test_what_is_known_stays_with_its_age_when_the_engine_goes_silent() -> None:
    clock, port = SteppedClock(), FakePort()
    async with running(port) as (app, pilot):
        await app.push_screen(VehicleDetailScreen(app.model, app.glyphs, "veh000007", clock))
        await until(pilot, lambda: "3.0 s ago" in text(app))
        port.gone = "socket closed"
        clock.now_s += 9.0
        app.show_model()
        await until(pilot, lambda: "the engine does not answer: socket closed" in text(app))
        assert "12.0 s ago" in text(app)


async def test_a_vehicle_that_is_gone_says_what_to_do() -> None:
    port = FakePort()
    port.answers[Fleet] = lambda _: Refused(
        request="fleet", reason=Refusal.UNKNOWN_VEHICLE, message="no such vehicle", hint="see the fleet"
    )
    async with running(port) as (app, pilot):
        await app.push_screen(VehicleDetailScreen(app.model, app.glyphs, "veh000007"))
        await until(pilot, lambda: "no such vehicle (see the fleet)" in text(app))
        await pilot.press("escape")
        assert not isinstance(app.screen, VehicleDetailScreen)


@pytest.mark.parametrize("hostile", pictures.HOSTILE)
async def test_hostile_words_of_a_vehicle_are_made_visible(hostile: str) -> None:
    port = FakePort()
    bad = changed(site=hostile, segment=hostile, reason=hostile, reason_text=hostile, owner=hostile, state=hostile, recent=((0, hostile),))
    port.answers[Fleet] = lambda _: Accepted(request="fleet", result=bad)
    async with running(port, (80, 40)) as (app, pilot):
        await app.push_screen(VehicleDetailScreen(app.model, app.glyphs, "veh000007"))
        await until(pilot, lambda: "Lately" in text(app))
        shown = text(app)
        assert all(char == "\n" or char.isprintable() for char in shown)
