"""The kinds of the journal's entries, and what is said of a misspelt one."""

import re
from pathlib import Path
from typing import get_args

import pytest

import v2g_console.engine
from v2g_console.contract.journal_kinds import KINDS, ROUNDS, kind_problem
from v2g_console.journal.encoding import ACKS, DISPATCH, RELEASES, REQUEST, ROUND
from v2g_console.journal.marks import Mark


def test_everything_that_is_written_has_a_known_kind() -> None:
    written = {ACKS, DISPATCH, RELEASES, REQUEST, *(str(mark.__struct_config__.tag) for mark in get_args(Mark))}
    assert written <= KINDS
    source = "".join(path.read_text("utf-8") for path in Path(v2g_console.engine.__path__[0]).glob("*.py"))
    sent = set(re.findall(r'(?:send_round|round_record)\([^\n]*"(\w+)"', source))
    assert len(sent) >= 7 and sent <= set(ROUNDS)
    assert all(kind_problem(f"{ROUND}{name}") == "" for name in ROUNDS)


@pytest.mark.parametrize("kind", ["", "request", "round", "round.", "round.send", "dispatch", "dispatch.active", "note", "journal", "tag"])
def test_a_kind_or_its_beginning_up_to_a_dot_is_fine(kind: str) -> None:
    assert kind_problem(kind) == ""


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("bogus", "no kind is called 'bogus': There are acks, alarm, approval, "),
        ("Reqest", "did you mean request?"),
        ("req", "did you mean request?"),
        ("round.sent", "did you mean round.send? There are round.correction, round.reallocation, "),
        (".", "no kind is called '.'"),
        ("x" * 500, f"no kind is called '{'x' * 40}'"),
    ],
)
def test_a_misspelt_kind_is_told_with_what_there_is(kind: str, told: str) -> None:
    assert told in kind_problem(kind)
