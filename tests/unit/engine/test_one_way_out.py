"""Commands leave by one door each: whoever would add another has to pass the gate, and the journal, on the way."""

import ast
from pathlib import Path

import pytest

import v2g_console.engine

_FOLDER = Path(v2g_console.engine.__file__).parent


def callers(function: str) -> set[str]:
    """Files of the engine that call a function or method of this name."""
    found = set()
    for path in _FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
                if name == function:
                    found.add(path.stem)
    return found


@pytest.mark.parametrize(
    ("function", "files"),
    [
        ("publish_many", {"release_round", "renewals", "rounds"}),  # releases; the same setpoints for longer; setpoints
        ("release_setpoint_kw", {"release_round", "rebound"}),  # rebound only looks ahead
        ("ReleaseRound", {"release_round"}),  # made where it is journalled
        ("pass_gate", {"bounds", "lifecycle", "placing", "resume"}),
    ],
)
def test_commands_leave_by_one_door(function: str, files: set[str]) -> None:
    assert callers(function) == files


def test_only_the_gate_lets_setpoints_through() -> None:
    assert callers("admit") - {"grid", "gate"} == {"setpoint_gate"}, "grid and gate have an admit of their own"
    assert callers("within_phases") - {"deliberate"} == {"setpoint_gate", "phase_moves", "fuses", "moved"}, (
        "phase_moves decides, fuses cuts releases, moved only looks who has no room"
    )
    assert callers("intend") == {"setpoint_gate", "placing", "lifecycle", "bounds", "resume", "recover", "owed"}
