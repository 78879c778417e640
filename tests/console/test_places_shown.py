"""Where a node or the phase of a site is full, people are told which."""

import msgspec

from tests.unit.cli.answers import plan as some_plan
from v2g_console.cli.dispatch_text import plan_lines
from v2g_console.console.composer_preview import place_words
from v2g_console.contract.requests import DispatchFields

ASKED = DispatchFields(signal="FCR", power_kw=1300.0, duration_s=90.0)
FULL = (("paris-nord L2", 12.04), ("lyon-2", 3.0))


def test_the_preview_names_the_fullest_first() -> None:
    assert place_words(FULL) == "paris-nord L2 holds 12 kW back, lyon-2 3 kW"
    assert place_words(FULL[:1]) == "paris-nord L2 holds 12 kW back"


def test_the_command_line_names_it_for_the_plan_and_for_each_vehicle() -> None:
    plan = some_plan()
    held = msgspec.structs.replace(plan.rows[0], reason="SITE_LIMIT", place="paris-nord L2")
    told = "\n".join(plan_lines(msgspec.structs.replace(plan, places=FULL, rows=(held,)), ASKED))
    assert "paris-nord L2 (12 kW), lyon-2 (3 kW)" in told
    assert "SITE_LIMIT paris-nord L2" in told
    assert "full" not in "\n".join(plan_lines(plan, ASKED))
