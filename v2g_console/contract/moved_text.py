"""What moved between dispatches, in words; the same for screens, lines and the command line."""

from v2g_console.contract.snapshot import DispatchView
from v2g_console.domain.units import grouped


def moved_words(view: DispatchView) -> list[str]:
    """`took 22 kW from #7f3a`, `lost 22 kW to #81c0`; what passed between the same two dispatches is summed. Often nothing."""
    sums: dict[tuple[str, bool], float] = {}
    for other, kw in view.moved:
        sums[other, kw < 0] = sums.get((other, kw < 0), 0.0) + abs(kw)
    return [
        f"{'lost' if lost else 'took'} {grouped(kw, 0 if kw >= 10 else 1)} kW {'to' if lost else 'from'} {other}"
        for (other, lost), kw in sums.items()
    ]
