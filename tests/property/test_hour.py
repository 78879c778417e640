"""A dispatch with vehicles that fail in every way: what they really give is on target, and the engine knows what they really give."""

import xml.etree.ElementTree as ElementTree

import pytest

from bench.hour import MOST_OFF, MOST_WRONG, judge
from bench.hour_model import HourOptions, HourResult, run_hour
from bench.hour_plot import picture


def _run(target_kw: float, reallocation: str = "balanced", duration_s: float = 600.0) -> HourResult:
    """This seed is as good as any: with so few vehicles a single one that drives away may be more than 2 % of the target."""
    return run_hour(HourOptions(target_kw=target_kw, vehicles=120, seed=2, duration_s=duration_s, reallocation=reallocation))


@pytest.mark.parametrize("target_kw", [150.0, -90.0])
def test_true_power_is_on_target_after_two_ack_timeouts_and_the_engine_knows_it(target_kw: float) -> None:
    result = _run(target_kw)
    found = judge(result)
    assert found.off <= MOST_OFF
    assert found.wrong <= MOST_WRONG
    assert found.shown_wrong <= MOST_WRONG
    assert found.energy_off <= 0.02
    # and they did fail: a tenth was deaf, a tenth mute, some refused, some left, and all of it before the first second was over
    assert (result.deaf, result.mute, result.refusing, result.left) == (12, 12, 6, 2)
    assert abs(result.samples[3].true_kw - target_kw) > MOST_OFF * abs(target_kw)
    assert result.outcome == "completed"
    assert len(result.samples) == 600


@pytest.mark.parametrize(("target_kw", "seed"), [(500.0, 2), (-300.0, 3)])
def test_a_gap_is_closed_by_vehicles_that_were_seen_to_follow_rather_than_by_those_that_only_say_so(target_kw: float, seed: int) -> None:
    # These fleets have the most v1 vehicles that acknowledge and do nothing.
    found = judge(run_hour(HourOptions(target_kw=target_kw, seed=seed, duration_s=30.0)))
    assert found.off <= 0.04
    assert found.wrong_early <= 0.025
    assert found.reached_s <= 7.0


def test_without_reallocation_the_target_is_missed_and_that_is_noticed() -> None:
    found = judge(_run(150.0, "none", 60.0))
    assert found.off > MOST_OFF
    assert not found.kept


def test_the_picture_shows_all_four_curves_with_labelled_axes() -> None:
    drawn = picture(_run(150.0, duration_s=60.0))
    tree = ElementTree.fromstring(drawn)
    texts = [text.text or "" for text in tree.iter("{http://www.w3.org/2000/svg}text")]
    curves = list(tree.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(curves) == 2 * 4
    for curve in curves:
        corners = [tuple(map(float, corner.split(","))) for corner in curve.attrib["points"].split()]
        assert corners
        assert all(0 <= x <= 960 and 0 <= y <= 640 for x, y in corners)
    for wanted in ("minutes since the start", "seconds since the start", "regulation, kW (+ up, − down)", "two ack timeouts"):
        assert wanted in texts
