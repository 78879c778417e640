"""Text from the network must not move the cursor, hide itself or reorder a line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_console.domain.text import visible


@pytest.mark.parametrize("text", ["veh000123", "Évreux – site n° 2", "充電站 3", "[bold]not markup[/]", "C:\\temp", "", "🚗 away"])
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b]0;pwned\x07", "\\x1b[2J\\x1b]0;pwned\\x07"),
        ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
        ("\x00\x7f", "\\x00\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("veh\u202e321", "veh\\u202e321"),
        ("veh\u2066\u2069", "veh\\u2066\\u2069"),
        ("ve\u200bh\u200d\ufeff\u00ad", "ve\\u200bh\\u200d\\ufeff\\xad"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("\ud800lone", "\\ud800lone"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("\ue000private", "\\ue000private"),
        ("\ufe0fselector\u3164filler", "\\ufe0fselector\\u3164filler"),
        ("12\u00a0345\u3000kW", "12 345 kW"),
    ],
)
def test_invisible_and_active_characters_become_visible(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


@given(st.text(st.characters()))
def test_no_control_format_or_surrogate_character_survives(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert shown.isprintable()
    assert visible(shown) == shown
    shown.encode("utf-8")
