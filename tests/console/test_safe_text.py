import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content

from tests.console.pictures import HOSTILE
from v2g_console.console.safe_text import content, line, pad_text, safe_text
from v2g_console.domain.text import visible

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)


@given(ANY_TEXT)
def test_nothing_invisible_survives(text: str) -> None:
    assert not {char for char in visible(text) if unicodedata.category(char) in HIDDEN}
    visible(text).encode("utf-8")


@given(ANY_TEXT, st.integers(0, 60))
def test_the_width_is_never_exceeded(text: str, width_cells: int) -> None:
    assert cell_len(safe_text(text, width_cells)) <= width_cells


@given(ANY_TEXT, st.integers(1, 60), st.booleans())
def test_padding_gives_the_exact_width(text: str, width_cells: int, right: bool) -> None:
    assert cell_len(pad_text(text, width_cells, right)) == width_cells


def test_a_cut_is_marked_and_a_fit_is_not() -> None:
    assert safe_text("paris-nord", 10) == "paris-nord"
    assert safe_text("paris-nord", 9) == "paris-no…"
    assert safe_text("日本語", 5) == "日本…"


def test_accents_stay_and_are_composed() -> None:
    assert safe_text("De\u0301po\u0302t", None) == "Dépôt"


def test_escapes_show_what_was_there() -> None:
    assert visible("\x1b[31m") == "\\x1b[31m"
    assert visible("\x9b") == "\\x9b"
    assert visible("a\u202eb\ud800") == "a\\u202eb\\ud800"


def test_marks_without_width_can_not_pile_up() -> None:
    assert len(safe_text("e" + "\u0301" * 5000, 10)) <= 40


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_stays_text(text: str) -> None:
    shown = content(text, "bold", 40)
    assert isinstance(shown, Content)
    assert shown.plain == safe_text(text, 40)
    assert [span.style for span in shown.spans] == ["bold"]


def test_every_string_in_a_line_is_made_safe() -> None:
    assert line("\x1b", ("\u202e", "bold"), Content("ok")).plain == "\\x1b\\u202eok"
