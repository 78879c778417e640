"""The engine's numbers as Prometheus reads them; the only start of the client library, when somebody scrapes."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from v2g_console.contract import CONTRACT_VERSION
from v2g_console.metrics.families import counter, labelled_counter, labelled_gauge, reading_families
from v2g_console.metrics.registry import Metrics
from v2g_console.version import program_version


def registry_of(metrics: Metrics) -> CollectorRegistry:
    """A registry that holds these metrics and nothing else."""
    registry = CollectorRegistry()
    registry.register(_EngineCollector(metrics))
    return registry


class _EngineCollector(Collector):
    """Called by a scrape on another thread; the engine replaces what it reads, and never changes it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """All families."""
        metrics = self._metrics
        build = GaugeMetricFamily("v2g_build_info", "Version of the program and of its contract", labels=["version", "contract"])
        build.add_metric([program_version(), str(CONTRACT_VERSION)], 1)
        yield build
        yield self._latency()
        yield labelled_counter("vehicles_dispatched", "Vehicles that got a command", "signal_type", metrics.dispatched.copy())
        yield labelled_gauge(
            "ack_rate", "Share of commanded vehicles that acknowledged, latest dispatch that ended", "signal_type", metrics.ack_rate.copy()
        )
        yield counter("mqtt_publish_success", "MQTT publishes that the broker took", metrics.published)
        yield counter("mqtt_publish_failure", "MQTT publishes that failed in spite of retries", metrics.publish_failed)
        yield labelled_counter("v2g_acks_odd", "Acks that answered nothing open, by why", "kind", metrics.odd_acks)
        yield self._ended()
        if metrics.reading is not None:
            yield from reading_families(metrics.reading)

    def _latency(self) -> Metric:
        text = "Time from publishing a command to its acknowledgement"
        family = HistogramMetricFamily("dispatch_execution_latency_seconds", text, labels=["signal_type"])
        for key, (buckets, total_s) in self._metrics.latency.cumulative().items():
            family.add_metric([key], buckets=buckets, sum_value=total_s)
        return family

    def _ended(self) -> Metric:
        family = CounterMetricFamily("v2g_dispatches_ended", "Dispatches that have ended, by outcome", labels=["signal_type", "outcome"])
        for (signal, outcome), number in self._metrics.ended.copy().items():
            family.add_metric([signal, outcome], number)
        return family
