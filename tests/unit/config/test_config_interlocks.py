"""The interlocks' keys: what can't be used is an error, what is hardly meant is a warning, each says what to do."""

import pytest
from pydantic import ValidationError

from v2g_console.config.checks import doubts
from v2g_console.config.settings import InterlockSettings, Settings


def doubted(**sections: object) -> list[str]:
    """The keys that are warned of."""
    return [finding.key for finding in doubts(Settings.model_validate(sections), frozenset())]


@pytest.mark.parametrize(
    "wrong",
    [
        {"total_up_kw": -1},
        {"total_down_kw": float("inf")},
        {"change_kw_per_min": "fast"},
        {"most_dispatches": 1.5},
        {"requests_per_minute": -3},
        {"link_suspect": "maybe"},
        {"local_override_s": -1},
        {"total_kw": 5},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        InterlockSettings.model_validate(wrong)


def test_limits_that_contradict_others_are_warned_of() -> None:
    assert doubted() == []
    assert doubted(interlocks={"total_up_kw": 100}, dispatch={"max_power_kw": 200}) == ["interlocks.total_up_kw"]
    assert doubted(interlocks={"total_down_kw": 300}, dispatch={"max_power_kw": 200}) == []
    assert doubted(interlocks={"change_kw_per_min": 59}, dispatch={"ramp_kw_per_s": 1}) == ["interlocks.change_kw_per_min"]
    assert doubted(interlocks={"requests_per_minute": 3}) == ["interlocks.requests_per_minute"]
