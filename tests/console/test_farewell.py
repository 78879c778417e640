import json
from dataclasses import replace

from tests.console import pictures
from v2g_console.console.farewell import farewell
from v2g_console.console.options import ConsoleOptions
from v2g_console.contract.requests import HEADLESS_REQUESTS, Dispatch
from v2g_console.domain.text import visible


def test_after_a_demo_it_tells_what_ran_and_how_to_do_it_without_a_screen() -> None:
    told = "\n".join(farewell(ConsoleOptions(demo=True, leave_message="bye"), pictures.normal()))
    assert "200 vehicles on ssl://broker.example:8883, 4 dispatches" in told
    assert "#7f3a FCR ▲ 1 500 kW, 300 s: active, 381 of 412 vehicles acknowledged" in told
    assert told.endswith("bye")
    line = told.split("echo '")[1].split("'")[0]
    import msgspec

    asked = msgspec.json.decode(line, type=HEADLESS_REQUESTS)
    assert asked == Dispatch(signal="NEBEF", power_kw=300.0, duration_s=1800.0)
    assert json.loads(line)["request"] == "dispatch"


def test_otherwise_it_says_nothing() -> None:
    assert farewell(ConsoleOptions(), pictures.normal()) == []
    assert farewell(ConsoleOptions(demo=True), None) == []


def test_without_a_dispatch_there_is_no_command_to_show() -> None:
    assert len(farewell(ConsoleOptions(demo=True), replace(pictures.quiet()))) == 1


def test_nothing_hostile_is_printed() -> None:
    for text in pictures.HOSTILE:
        for row in farewell(ConsoleOptions(demo=True), pictures.hostile(text)):
            assert visible(row) == row
