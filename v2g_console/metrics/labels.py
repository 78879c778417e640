"""The closed sets of label values, and one look at the engine as the metrics keep it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from v2g_console.contract.link import LinkHealth
from v2g_console.contract.snapshot import DispatchView, EngineInfo, FleetSummary
from v2g_console.domain.signal import Signal
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES

OTHER: Final = "other"
SIGNALS: Final[tuple[str, ...]] = tuple(Signal)
OUTCOMES: Final[tuple[str, ...]] = tuple(sorted(TERMINAL_DISPATCH_STATES))
LABELS: Final = (*SIGNALS, OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at the engine: fleet and link in numbers, and the dispatches that are shown."""

    engine: EngineInfo
    fleet: FleetSummary
    link: LinkHealth
    dispatches: Sequence[DispatchView]


def signal_label(signal: str) -> str:
    """`signal` if it is one of the known ones, else `other`: whatever comes in, the set of labels stays closed."""
    return signal if signal in SIGNALS else OTHER
