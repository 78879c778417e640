"""Power asked for in both directions at once is told apart, never set off against each other."""

import pytest

from v2g_console.domain.units import both_ways_text


@pytest.mark.parametrize(
    ("powers_kw", "said"),
    [
        ([], "0 kW"),
        ([0.0], "0 kW"),
        ([400.0, -250.0], "▲ 400 kW, ▼ 250 kW"),
        ([1500.0, 300.0], "▲ 1 800 kW"),
        ([-100.0, -50.0], "▼ 150 kW"),
    ],
)
def test_each_direction_has_its_own_sum(powers_kw: list[float], said: str) -> None:
    assert both_ways_text(powers_kw) == said
    assert both_ways_text(iter(powers_kw)) == said
