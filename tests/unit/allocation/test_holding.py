"""How long a result can be held: until so many vehicles are done that less than 95 % of it is left."""

import numpy as np
import pytest

from v2g_console.allocation.holding import held_for_s


@pytest.mark.parametrize(
    ("regulation_kw", "holds_s", "held_s"),
    [
        ([10.0, 10.0], [100.0, 200.0], 100.0),
        ([-10.0, -10.0], [300.0, 200.0], 200.0),
        ([1.0] * 20, [float(second) for second in range(1, 21)], 2.0),  # the first one may go: 19 of 20 are 95 %
        ([95.0, 5.0], [500.0, 1.0], 500.0),
        ([94.0, 6.0], [500.0, 1.0], 1.0),
        ([5.0, 0.0], [np.inf, 0.0], np.inf),
        ([], [], np.inf),
        ([0.0, np.nan], [1.0, 1.0], np.inf),
    ],
)
def test_it_is_held_until_less_than_95_percent_is_left(regulation_kw: list[float], holds_s: list[float], held_s: float) -> None:
    assert held_for_s(np.array(regulation_kw, np.float64), np.array(holds_s, np.float64)) == held_s
