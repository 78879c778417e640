"""Pages that promise to be complete are: keys, reasons, refusals, requests, events, exit codes, alarms, interlocks, commands of screens."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, get_args

import pytest

from tests.unit.docs.pages import ROOT
from v2g_console.console.actions import ACTIONS, Scope
from v2g_console.contract.events import Event
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.replies import Refusal
from v2g_console.contract.requests import HEADLESS_REQUESTS
from v2g_console.contract.snapshot import FLEET_STATE_NAMES
from v2g_console.domain.alarm_kinds import ALARM_KINDS
from v2g_console.domain.reasons import EXPLANATION, Reason
from v2g_console.domain.roles import Role

PRIORITY = {1: "H", 2: "M", 3: "L"}


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no heading {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of table rows, without heads."""
    table = [row.strip("|").split(" | ") for row in text.splitlines() if row.startswith("|") and not row.startswith("|---")]
    return [[cell.strip() for cell in row] for row in table]


def codes(text: str) -> set[str]:
    """All that is in the first column of tables, in code quotes."""
    return {code for row in rows(text) for code in re.findall(r"`([^`]+)`", row[0])}


def maker() -> Any:
    spec = spec_from_file_location("make_keys", ROOT / "docs" / "make_keys.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_keys_page_is_that_of_the_registry() -> None:
    text = page("keys.md")
    assert text == maker().page_with_tables(text), "run .venv/bin/python docs/make_keys.py"


def test_the_keys_page_has_every_action_once() -> None:
    listed = re.findall(r"`([\w.]+)` \|$", page("keys.md"), re.MULTILINE)
    assert sorted(listed) == sorted(action.id for action in ACTIONS)


def test_every_screen_has_a_page_that_links_its_keys() -> None:
    told = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "screens").glob("*.md"))
    elsewhere = {Scope.GLOBAL, Scope.VEHICLE, Scope.JOURNAL_ENTRY, Scope.REPLAY, Scope.SITES, Scope.HELP}
    for scope in Scope:
        if scope not in elsewhere:
            anchor = re.sub(r"[^\w\- ]", "", scope.value.lower()).replace(" ", "-")
            assert f"keys.md#{anchor})" in told, scope


def test_every_reason_is_explained_as_the_program_does() -> None:
    told = {row[0].strip("`"): row[1] for row in rows(section(page("allocation.md"), "Every reason"))[1:]}
    assert told == {reason.name: EXPLANATION[reason] for reason in Reason if reason is not Reason.NONE}


def test_every_refusal_is_listed() -> None:
    assert codes(section(page("headless.md"), "Refusals")) == set(Refusal)


def test_every_request_is_listed_with_its_fields() -> None:
    text = section(page("headless.md"), "Requests")
    kinds = {str(kind.__struct_config__.tag): kind for kind in get_args(HEADLESS_REQUESTS)}
    assert codes(text) == set(kinds)
    for row in rows(text)[1:]:
        fields = set(re.findall(r"`([a-z_]+)`", row[1]))
        for name in re.findall(r"`([^`]+)`", row[0]):
            known = set(kinds[name].__struct_fields__)
            assert known <= fields, f"{name}: {known - fields} missing"


def test_every_event_is_listed() -> None:
    assert codes(section(page("headless.md"), "Events")) == {str(kind.__struct_config__.tag) for kind in get_args(Event)}


@pytest.mark.parametrize("name", ["docs/headless.md", "README.md"])
def test_every_exit_code_is_told(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    for code in ExitCode:
        assert re.search(rf"(\| |[ \n]){int(code)}( \||,? )", text), code


def test_every_alarm_has_its_priority() -> None:
    told = {row[0].strip("`"): row[1] for row in rows(section(page("screens/alarms.md"), "Every kind, and what to do"))[1:]}
    assert told == {kind: PRIORITY[one.priority] for kind, one in ALARM_KINDS.items()}


def test_every_state_of_a_vehicle_is_explained() -> None:
    assert set(FLEET_STATE_NAMES) <= codes(page("screens/fleet.md"))


def test_every_role_is_explained() -> None:
    assert {row[0] for row in rows(page("access.md"))[1:]} == {role.value for role in Role}
