"""Vehicles that tell no site are where the configuration says; limits of that site bind them, and the fleet shows it."""

import logging

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import FleetPage, PlanView
from v2g_console.engine.site_map import SiteMap

SECTIONS = {
    "grid": {"nodes": [{"name": "paris-nord", "export_kw": 10.0}, {"name": "lyon-2", "export_kw": 40.0}]},
    "fleet": {"sites": [{"site": "paris-nord", "vehicles": ["veh00000[0-3]"]}, {"site": "lyon-2", "vehicles": ["veh*", "veh000001"]}]},
}


def test_a_whole_id_goes_before_patterns_and_the_first_pattern_wins() -> None:
    found = SiteMap([("veh0*", "a"), ("veh01", "b"), ("veh*", "c"), ("VEH?", "d")])
    assert [found.site_of(name) for name in ("veh01", "veh02", "veh1", "VEH1", "VEH12", "x")] == ["b", "a", "c", "d", "", ""]


@in_virtual_time
async def test_limits_bind_v1_vehicles_at_configured_sites() -> None:
    async with bench(cars(6), sections=SECTIONS) as one:
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=66.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.allocated_kw == pytest.approx(10.0 + 33.0, abs=0.01)  # three in Paris, three in Lyon
        page = (await one.accepted(ask.Fleet())).result
        assert isinstance(page, FleetPage)
        assert [row.site for row in page.rows] == ["paris-nord", "lyon-2", "paris-nord", "paris-nord", "lyon-2", "lyon-2"]
        scoped = (await one.accepted(ask.Plan(signal="MA", power_kw=66.0, duration_s=60.0, sites=("paris-nord",)))).result
        assert isinstance(scoped, PlanView)
        assert scoped.allocated_kw == pytest.approx(10.0, abs=0.01)


@in_virtual_time
async def test_a_vehicles_own_word_wins_and_a_contradiction_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    told = Car("veh000000", 2, site="lyon-2")
    with caplog.at_level(logging.WARNING, "v2g_console.engine.fleet"):
        async with bench([told], sections=SECTIONS) as one:
            for _ in range(3):
                one.link.describe(told)
            assert one.core.fleet.sites.name(int(one.core.fleet.site[0])) == "lyon-2"
            told.site = ""
            one.link.describe(told)
            assert one.core.fleet.sites.name(int(one.core.fleet.site[0])) == "paris-nord"
    lines = [record.getMessage() for record in caplog.records if "fleet.sites" in record.getMessage()]
    assert lines == ["veh000000 says it is at lyon-2, fleet.sites says paris-nord: counted where it says"]
