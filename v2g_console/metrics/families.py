"""The metric families, built from what the engine last said. Pure: values in, families out."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.contract.snapshot import DispatchView, EngineInfo, FleetSummary
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES, DispatchState
from v2g_console.metrics.labels import OTHER, SIGNALS, Reading, signal_label

_MOST_CAUSES: Final = 32
_CAUSE: Final = re.compile(r"[a-z][a-z_]{1,31}", re.ASCII)


def gauge(name: str, text: str, value: float) -> Metric:
    """A gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def counter(name: str, text: str, value: float) -> Metric:
    """A counter without labels; `name` without `_total`."""
    return CounterMetricFamily(name, text, value=value)


def labelled_gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """A gauge by one label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def labelled_counter(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """A counter by one label; `name` without `_total`."""
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def reading_families(reading: Reading) -> Iterator[Metric]:
    """All families that a reading yields."""
    yield from _engine(reading.engine)
    yield from _fleet(reading.fleet)
    yield from _link(reading.link)
    yield _refused(reading.link)
    yield from _dispatches(reading.dispatches)


def _engine(engine: EngineInfo) -> Iterator[Metric]:
    yield gauge("v2g_engine_loop_lag_seconds", "Worst delay of the engine's event loop in the last 10 s", engine.loop_lag_ms / 1000)
    yield counter("v2g_events_dropped", "Events that a reader of the event stream could no longer get", engine.events_dropped)
    yield gauge("v2g_engine_memory_bytes", "Resident memory of the process", engine.memory_mib * 1024 * 1024)
    yield gauge("v2g_engine_tasks", "Tasks on the engine's event loop", engine.tasks)
    yield gauge("v2g_engine_ready", "1: link up and discovery done", engine.ready)
    yield gauge("v2g_stop_latched", "1: STOP is latched, no dispatch may start", engine.stopped)
    yield gauge("v2g_engine_start_time_seconds", "UTC seconds since 1970 at which the engine started", engine.started_ms / 1000)


def _fleet(fleet: FleetSummary) -> Iterator[Metric]:
    quality = {"fresh": fleet.fresh, "stale": fleet.stale, "lost": fleet.lost, "undescribed": fleet.undescribed}
    yield labelled_gauge("v2g_fleet_vehicles", "Vehicles by quality of their telemetry", "quality", quality)
    yield gauge("v2g_fleet_known_vehicles", "Vehicles known", fleet.vehicles)
    yield gauge("v2g_fleet_available_vehicles", "Vehicles plugged in and offered", fleet.available)
    yield gauge("v2g_fleet_dispatched_vehicles", "Vehicles owned by a dispatch", fleet.dispatched)
    yield gauge("v2g_fleet_v2g_vehicles", "Vehicles that can inject", fleet.v2g)
    yield gauge("v2g_fleet_owed_releases", "Vehicles whose release is not confirmed yet", fleet.owed)
    yield labelled_gauge(
        "v2g_fleet_headroom_kw", "Regulation the fleet can sustain for 15 min", "direction", {"up": fleet.up_kw, "down": fleet.down_kw}
    )
    yield labelled_gauge(
        "v2g_fleet_headroom_p90_kw",
        "Regulation that is there with 90 % probability",
        "direction",
        {"up": fleet.up_p90_kw, "down": fleet.down_p90_kw},
    )
    yield gauge("v2g_fleet_power_kw", "Measured power of fresh vehicles, positive to the grid", fleet.net_kw)
    yield counter("v2g_fleet_ids_refused", "Malformed or hostile vehicle ids refused", fleet.undescribed_refused)
    if fleet.soc_median is not None:
        yield gauge("v2g_fleet_soc_median_ratio", "Median state of charge of fresh vehicles, 0..1", fleet.soc_median)


def _link(link: LinkHealth) -> Iterator[Metric]:
    yield gauge("v2g_link_up", "1: connected to the broker, also while suspect", link.state in (LinkState.UP, LinkState.SUSPECT))
    yield gauge("v2g_link_suspect", "1: connected, but a PUBACK or a ping is overdue", link.state is LinkState.SUSPECT)
    yield counter("v2g_link_reconnects", "Reconnections to the broker", link.reconnects)
    yield counter("v2g_link_messages_in", "Messages received", link.in_total)
    yield counter("v2g_link_messages_out", "Messages sent", link.out_total)
    yield counter("v2g_link_puback_refused", "Publishes that the broker refused", link.puback_refused)
    yield counter("v2g_link_no_subscriber", "Publishes to topics on which nobody listens", link.no_subscriber)
    yield counter("v2g_telemetry_shed", "Telemetry messages dropped because the engine could not keep up", link.shed)
    yield gauge("v2g_link_in_flight", "Publishes without an answer of the broker yet", link.in_flight)
    yield gauge("v2g_link_queued", "Received messages that wait for the engine", link.queued)
    if link.rtt_ms is not None:
        yield gauge("v2g_link_round_trip_seconds", "Last round trip to the broker", link.rtt_ms / 1000)
    if link.certificate_days is not None:
        yield gauge("v2g_certificate_days", "Days until the first certificate expires", link.certificate_days)
    each = {"client": link.client_certificate_days, "broker": link.broker_certificate_days}
    known = {whose: days for whose, days in each.items() if days is not None}
    yield labelled_gauge("v2g_certificate_days_left", "Days until each certificate expires", "certificate", known)
    yield gauge("v2g_credentials_fault", "1: changed certificate, key, CA or password files are not used", bool(link.credentials_fault))


def _refused(link: LinkHealth) -> Metric:
    """By cause: the transport's list is closed; a name that is none, or one too many, is summed up as `other`."""
    counts: Counter[str] = Counter({OTHER: 0})
    for cause, number in sorted(link.refused.items()):
        known = _CAUSE.fullmatch(cause) is not None and len(counts) <= _MOST_CAUSES
        counts[cause if known else OTHER] += number
    return labelled_counter("v2g_messages_refused", "Received messages refused, by cause", "cause", counts)


def _dispatches(dispatches: Sequence[DispatchView]) -> Iterator[Metric]:
    live = [view for view in dispatches if view.state not in TERMINAL_DISPATCH_STATES]
    states: Counter[str] = Counter({state: 0 for state in DispatchState if state not in TERMINAL_DISPATCH_STATES})
    requested, acknowledged, delivered = (dict.fromkeys(SIGNALS, 0.0) for _ in range(3))
    for view in live:
        states[view.state] += 1
        label = signal_label(view.signal)
        for sums, power_kw in ((requested, view.requested_kw), (acknowledged, view.acknowledged_kw), (delivered, view.delivered_kw or 0.0)):
            sums[label] = sums.get(label, 0.0) + power_kw
    yield labelled_gauge("v2g_dispatches", "Dispatches that have not ended, by state", "state", states)
    yield labelled_gauge("v2g_dispatch_requested_kw", "Regulation asked for by running dispatches", "signal_type", requested)
    yield labelled_gauge("v2g_dispatch_acknowledged_kw", "Regulation acknowledged in running dispatches", "signal_type", acknowledged)
    yield labelled_gauge("v2g_dispatch_delivered_kw", "Regulation measured in running dispatches", "signal_type", delivered)
