"""The shortcut for large fleets finds the same level as the sweep over everything."""

import numpy as np
import pytest

from v2g_console.allocation import waterfill as module
from v2g_console.allocation.waterfill import Curves, waterfill


def _curves(rng: np.random.Generator, n: int, kind: str) -> Curves:
    upper = rng.choice([0.0, 0.5, 3.7, 7.4, 22.0], n)
    slope = rng.uniform(0.01, 1.0, n) * rng.choice([1e-3, 1.0, 30.0], n)
    zero = np.zeros(n)
    match kind:
        case "fair":
            return Curves(slope, zero, zero, upper)
        case "merit":
            return Curves(np.where(upper > 0.0, upper, 1.0), rng.integers(0, max(1, n // 3), n).astype(np.float64), zero, upper)
        case "lower bounds":
            return Curves(slope, rng.choice([0.0, 1.0], n), upper * rng.choice([0.0, 0.5, 1.0], n), upper)
        case _:
            return Curves(np.ones(n), zero, zero, np.full(n, 7.4))


@pytest.mark.parametrize("kind", ["fair", "merit", "lower bounds", "all alike"])
@pytest.mark.parametrize("share", [1e-6, 0.1, 0.5, 0.9, 1.0 - 1e-9])
def test_the_shortcut_changes_nothing(kind: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(17)
    for n in (1, 2, 5, 60, 700, 9000):
        curves = _curves(rng, n, kind)
        least, most = float(curves.lower.sum()), float(curves.upper.sum())
        target_kw = least + share * (most - least)
        monkeypatch.setattr(module, "_FEW", 10**9)
        swept = waterfill(target_kw, curves)
        monkeypatch.setattr(module, "_FEW", 0)
        found = waterfill(target_kw, curves)
        assert found.sum() == pytest.approx(target_kw, rel=1e-9, abs=1e-9)
        assert found == pytest.approx(swept, rel=1e-7, abs=1e-7), n
