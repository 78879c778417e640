"""What the engine tells Prometheus."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.link import LinkHealth
from v2g_console.contract.snapshot import DispatchView, EngineInfo, FleetSummary
from v2g_console.metrics.labels import LABELS, OTHER, OUTCOMES, SIGNALS, Reading, signal_label
from v2g_console.metrics.latency import LatencyHistogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Metrics:
    """Numbers for Prometheus on a registry of their own. The engine's thread writes; a scrape reads from another thread.

    Writing is adding to a number or keeping a reference; everything else happens at the scrape. No label ever holds a vehicle's id:
    `signal_type` is a known signal or `other`.
    """

    def __init__(self) -> None:
        self.reading: Reading | None = None
        self.published = 0
        self.publish_failed = 0
        self.dispatched: dict[str, int] = dict.fromkeys(SIGNALS, 0)
        self.ack_rate: dict[str, float] = {}
        self.ended: dict[tuple[str, str], int] = {(signal, outcome): 0 for signal in SIGNALS for outcome in OUTCOMES}
        self.latency = LatencyHistogram(LABELS)
        self.odd_acks: dict[str, int] = {}
        """acks that answered nothing open, by why: unknown, wrong_vehicle, duplicate, late; replaced as a whole"""

    def observe_latencies(self, signal: str, seconds: Sequence[float] | NDArray[np.floating]) -> None:
        """Times from publish to acknowledgement, in seconds, of any number of commands at once."""
        self.latency.observe(signal_label(signal), seconds)

    def count_publish(self, *, ok: bool) -> None:
        """One publish that the broker took, or that failed in spite of retries."""
        if ok:
            self.published += 1
        else:
            self.publish_failed += 1

    def dispatch_ended(self, signal: str, outcome: str, vehicles: int, answered: int) -> None:
        """A dispatch reached its end: `outcome` is a terminal DispatchState, `answered` of the `vehicles` commanded acknowledged."""
        label = signal_label(signal)
        self.dispatched[label] = self.dispatched.get(label, 0) + vehicles
        if vehicles:
            self.ack_rate[label] = answered / vehicles
        key = (label, outcome if outcome in OUTCOMES else OTHER)
        self.ended[key] = self.ended.get(key, 0) + 1

    def refresh(self, *, engine: EngineInfo, fleet: FleetSummary, link: LinkHealth, dispatches: Sequence[DispatchView]) -> None:
        """Keep the newest reading for the next scrape; keeps references to immutable data, so once a second costs nothing."""
        self.reading = Reading(engine=engine, fleet=fleet, link=link, dispatches=tuple(dispatches))

    @cached_property
    def registry(self) -> "CollectorRegistry":
        """What a scrape reads. The client library is loaded here, not at start-up."""
        from v2g_console.metrics.exposition import registry_of

        return registry_of(self)
