"""The composer's fields: what is written becomes the request that is meant, or says what is expected."""

import pytest

from v2g_console.console.composer_fields import FieldTexts, Known, check_fields
from v2g_console.contract.requests import Plan

KNOWN = Known(("paris-nord", "lyon-2", "lille-hub"), ("home", "depot"), ("equal", "smart"))


@pytest.mark.parametrize(
    ("texts", "request_"),
    [
        (FieldTexts(), Plan(signal="FCR", power_kw=300.0, duration_s=60.0)),
        (FieldTexts(signal="fcr", power="-1 500,5 kW", duration="1h30m"), Plan(signal="FCR", power_kw=-1500.5, duration_s=5400.0)),
        (FieldTexts(signal="aFRR", power="-50"), Plan(signal="aFRR_DOWN", power_kw=-50.0, duration_s=60.0)),
        (FieldTexts(signal="aFRR_DOWN", power="50"), Plan(signal="aFRR_DOWN", power_kw=-50.0, duration_s=60.0)),
        (FieldTexts(sites="L*"), Plan(signal="FCR", power_kw=300.0, duration_s=60.0, sites=("lyon-2", "lille-hub"))),
        (
            FieldTexts(sites="paris-nord, lyon-2", segments="home", allocator="equal"),
            Plan(signal="FCR", power_kw=300.0, duration_s=60.0, sites=("paris-nord", "lyon-2"), segments=("home",), allocator="equal"),
        ),
    ],
)
def test_right_fields_make_the_request_that_is_meant(texts: FieldTexts, request_: Plan) -> None:
    assert check_fields(texts, KNOWN).request == request_


@pytest.mark.parametrize(
    ("texts", "field", "said"),
    [
        (FieldTexts(signal="FRC"), "signal", "expected one of FCR, aFRR_UP, aFRR_DOWN, MA, NEBEF, EcoWatt"),
        (FieldTexts(signal=""), "signal", "expected one of FCR"),
        (FieldTexts(power="much"), "power", "expected kW, for example 300 (up) or -300 (down)"),
        (FieldTexts(power=""), "power", "expected kW"),
        (FieldTexts(power="0"), "power", "expected kW other than 0"),
        (FieldTexts(power="nan"), "power", "expected kW, for example"),
        (FieldTexts(power="1e999"), "power", "expected kW, for example"),
        (FieldTexts(signal="NEBEF", power="-10"), "power", "NEBEF takes a positive power"),
        (FieldTexts(signal="aFRR_UP", power="-10"), "power", "aFRR_UP takes a positive power"),
        (FieldTexts(duration="soon"), "duration", "expected a time such as 30s, 5m or 1h30m"),
        (FieldTexts(duration="1.2.3"), "duration", "expected a time such as 30s"),
        (FieldTexts(duration="0"), "duration", "expected a time above 0"),
        (FieldTexts(sites="berlin"), "sites", "no site 'berlin': known are paris-nord, lyon-2, lille-hub"),
        (FieldTexts(segments="x*"), "segments", "no segment 'x*': known are home, depot"),
        (FieldTexts(start="soon"), "start", "expected 18:30"),
        (FieldTexts(start="2099-01-01T10:00:00"), "start", "names no zone"),
        (FieldTexts(start="2020-01-01T10:00:00Z"), "start", "2020-01-01 10:00:00Z has passed"),
        (FieldTexts(allocator="clever"), "allocator", "expected equal or smart, or nothing"),
    ],
)
def test_a_wrong_field_says_beside_it_what_is_expected(texts: FieldTexts, field: str, said: str) -> None:
    checked = check_fields(texts, KNOWN)
    word = getattr(checked, field)
    assert checked.request is None and word.wrong and said in word.text


def test_start_reference_note_and_test_are_in_the_request_and_the_start_is_said_with_its_zone() -> None:
    checked = check_fields(FieldTexts(start="2099-01-01T10:00:00+01:00", reference=" RTE-117 ", note="first run", test="yes"), KNOWN)
    assert checked.request == Plan(
        signal="FCR",
        power_kw=300.0,
        duration_s=60.0,
        start_at="2099-01-01T10:00:00+01:00",
        external_ref="RTE-117",
        note="first run",
        test=True,
    )
    assert checked.start.text == "2099-01-01 10:00:00+01:00 (09:00:00Z)"
    assert checked.duration.text == "01:00 from its start" and "TEST" in checked.test.text


def test_the_sign_is_told_in_words() -> None:
    assert check_fields(FieldTexts(power="300"), KNOWN).power.text == "▲ up: inject more / draw less"
    assert check_fields(FieldTexts(power="-300"), KNOWN).power.text == "▼ down: inject less / draw more"
    assert check_fields(FieldTexts(signal="aFRR_DOWN", power="300"), KNOWN).power.text.startswith("▼ down")
