"""What the engine tells Prometheus."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.link import LinkHealth
from v2g_console.contract.snapshot import DispatchView, EngineInfo, FleetSummary
from v2g_console.metrics.families import (
    OTHER,
    OUTCOMES,
    SIGNALS,
    Reading,
    counter,
    labelled_counter,
    labelled_gauge,
    reading_families,
    signal_label,
)
from v2g_console.metrics.latency import LatencyHistogram
from v2g_console.version import program_version

LABELS: Final = (*SIGNALS, OTHER)


class Metrics(Collector):
    """Numbers for Prometheus on a registry of their own. The engine's thread writes; a scrape reads from another thread.

    Writing is adding to a number or keeping a reference; everything else happens at the scrape. No label ever holds a vehicle's id:
    `signal_type` is a known signal or `other`.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._reading: Reading | None = None
        self._published = 0
        self._publish_failed = 0
        self._dispatched: dict[str, int] = dict.fromkeys(SIGNALS, 0)
        self._ack_rate: dict[str, float] = {}
        self._ended: dict[tuple[str, str], int] = {(signal, outcome): 0 for signal in SIGNALS for outcome in OUTCOMES}
        self._latency = LatencyHistogram(
            "dispatch_execution_latency_seconds", "Time from publishing a command to its acknowledgement", "signal_type", LABELS
        )
        self.registry.register(self)

    def observe_latencies(self, signal: str, seconds: Sequence[float] | NDArray[np.floating]) -> None:
        """Times from publish to acknowledgement, in seconds, of any number of commands at once."""
        self._latency.observe(signal_label(signal), seconds)

    def count_publish(self, *, ok: bool) -> None:
        """One publish that the broker took, or that failed in spite of retries."""
        if ok:
            self._published += 1
        else:
            self._publish_failed += 1

    def dispatch_ended(self, signal: str, outcome: str, vehicles: int, answered: int) -> None:
        """A dispatch reached its end: `outcome` is a terminal DispatchState, `answered` of the `vehicles` commanded acknowledged."""
        label = signal_label(signal)
        self._dispatched[label] = self._dispatched.get(label, 0) + vehicles
        if vehicles:
            self._ack_rate[label] = answered / vehicles
        key = (label, outcome if outcome in OUTCOMES else OTHER)
        self._ended[key] = self._ended.get(key, 0) + 1

    def refresh(self, *, engine: EngineInfo, fleet: FleetSummary, link: LinkHealth, dispatches: Sequence[DispatchView]) -> None:
        """Keep the newest reading for the next scrape; keeps references to immutable data, so once a second costs nothing."""
        self._reading = Reading(engine=engine, fleet=fleet, link=link, dispatches=tuple(dispatches))

    def collect(self) -> Iterable[Metric]:
        """All families, for the registry; called by a scrape on another thread."""
        build = GaugeMetricFamily("v2g_build_info", "Version of the program and of its contract", labels=["version", "contract"])
        build.add_metric([program_version(), str(CONTRACT_VERSION)], 1)
        yield build
        yield self._latency.family()
        yield labelled_counter("vehicles_dispatched", "Vehicles that got a command", "signal_type", self._dispatched.copy())
        yield labelled_gauge(
            "ack_rate", "Share of commanded vehicles that acknowledged, latest dispatch that ended", "signal_type", self._ack_rate.copy()
        )
        yield counter("mqtt_publish_success", "MQTT publishes that the broker took", self._published)
        yield counter("mqtt_publish_failure", "MQTT publishes that failed in spite of retries", self._publish_failed)
        yield self._ended_family()
        if self._reading is not None:
            yield from reading_families(self._reading)

    def _ended_family(self) -> Metric:
        family = CounterMetricFamily("v2g_dispatches_ended", "Dispatches that have ended, by outcome", labels=["signal_type", "outcome"])
        for (signal, outcome), number in self._ended.copy().items():
            family.add_metric([signal, outcome], number)
        return family
