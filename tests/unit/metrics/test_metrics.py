"""What a scrape shows, read back by Prometheus' own parser."""

from collections.abc import Mapping

import numpy as np
import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.contract.snapshot import DispatchView, EngineInfo, FleetSummary
from v2g_console.domain.signal import Signal
from v2g_console.domain.states import DispatchState
from v2g_console.metrics import Metrics
from v2g_console.metrics.latency import BOUNDS_S

ENGINE = EngineInfo(
    version="0.1.0", name="paris-nord", ready=True, started_ms=1_795_440_127_000, user="v2g", role="supervisor", read_only=False,
    demo=False, stopped=False, loop_lag_ms=12.5, events_dropped=3, memory_mib=64.0,
)  # fmt: skip


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Everything a scrape shows, by name and sorted labels."""
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, labels: Mapping[str, str] | None = None) -> float:
    return samples(metrics)[name, tuple(sorted((labels or {}).items()))]


def refreshed(
    *, fleet: FleetSummary | None = None, link: LinkHealth | None = None, dispatches: tuple[DispatchView, ...] = ()
) -> Metrics:  # fmt: skip
    metrics = Metrics()
    metrics.refresh(engine=ENGINE, fleet=fleet or FleetSummary(), link=link or LinkHealth(), dispatches=dispatches)
    return metrics


def view(signal: str, state: DispatchState, requested_kw: float, delivered_kw: float | None = None) -> DispatchView:
    return DispatchView(
        dispatch_id=f"{signal}{state}{requested_kw}", short_id="#7f3a", signal=signal, state=state, requested_kw=requested_kw,
        acknowledged_kw=requested_kw * 0.9, delivered_kw=delivered_kw,
    )  # fmt: skip


@pytest.mark.parametrize(
    "seconds",
    [[0.004, 0.005, 0.0051, 0.3, 4.9, 31.0], np.array([0.004, 0.005, 0.0051, 0.3, 4.9, 31.0], dtype=np.float32)],
    ids=["list", "float32 array"],
)
def test_latencies_fall_into_cumulative_buckets(seconds: list[float]) -> None:
    metrics = Metrics()
    metrics.observe_latencies("FCR", seconds[:3])
    metrics.observe_latencies("FCR", seconds[3:])
    got = {
        bound: value(metrics, "dispatch_execution_latency_seconds_bucket", {"signal_type": "FCR", "le": str(bound)}) for bound in BOUNDS_S
    }
    assert got == {bound: sum(second <= bound for second in seconds) for bound in BOUNDS_S}
    assert value(metrics, "dispatch_execution_latency_seconds_bucket", {"signal_type": "FCR", "le": "+Inf"}) == 6
    assert value(metrics, "dispatch_execution_latency_seconds_count", {"signal_type": "FCR"}) == 6
    assert value(metrics, "dispatch_execution_latency_seconds_sum", {"signal_type": "FCR"}) == pytest.approx(sum(map(float, seconds)))


def test_latencies_that_cannot_be_are_made_harmless() -> None:
    metrics = Metrics()
    metrics.observe_latencies("MA", [float("nan"), -0.2, 0.1])
    metrics.observe_latencies("MA", [])
    assert value(metrics, "dispatch_execution_latency_seconds_count", {"signal_type": "MA"}) == 2
    assert value(metrics, "dispatch_execution_latency_seconds_sum", {"signal_type": "MA"}) == pytest.approx(0.1)


def test_an_ended_dispatch_counts_its_vehicles_its_outcome_and_its_ack_rate() -> None:
    metrics = Metrics()
    metrics.dispatch_ended("FCR", "completed", 60, 57)
    metrics.dispatch_ended("FCR", "cancelled", 40, 40)
    metrics.dispatch_ended("FCR", "failed", 0, 0)
    assert value(metrics, "vehicles_dispatched_total", {"signal_type": "FCR"}) == 100
    assert value(metrics, "ack_rate", {"signal_type": "FCR"}) == 1.0
    assert value(metrics, "v2g_dispatches_ended_total", {"signal_type": "FCR", "outcome": "completed"}) == 1
    assert value(metrics, "v2g_dispatches_ended_total", {"signal_type": "FCR", "outcome": "failed"}) == 1


def test_publishes_are_counted_by_result() -> None:
    metrics = Metrics()
    for ok in (True, True, False):
        metrics.count_publish(ok=ok)
    assert value(metrics, "mqtt_publish_success_total") == 2
    assert value(metrics, "mqtt_publish_failure_total") == 1


def test_counters_start_at_zero_for_each_signal_so_that_the_first_dispatch_shows_as_a_rate() -> None:
    shown = samples(Metrics())
    for signal in Signal:
        assert shown["vehicles_dispatched_total", (("signal_type", signal.value),)] == 0
        assert shown["dispatch_execution_latency_seconds_count", (("signal_type", signal.value),)] == 0


def test_an_unknown_signal_or_outcome_opens_no_new_label() -> None:
    metrics = Metrics()
    for name in ("FR-ZOE:0042", 'x"} 1\nforged 9', "FR-ZOE:0043"):
        metrics.dispatch_ended(name, name, 1, 1)
        metrics.observe_latencies(name, [0.1])
    shown = samples(metrics)
    assert shown["vehicles_dispatched_total", (("signal_type", "other"),)] == 3
    assert shown["v2g_dispatches_ended_total", (("outcome", "other"), ("signal_type", "other"))] == 3
    assert not any("ZOE" in label or "forged" in label for _, labels in shown for _, label in labels)


def test_the_link_is_shown() -> None:
    link = LinkHealth(
        state=LinkState.SUSPECT, reconnects=4, in_total=120_000, out_total=600, shed=17, puback_refused=2, certificate_days=12.5,
        client_certificate_days=12.5, broker_certificate_days=80.0, credentials_fault="mqtt.client_key: no",
        rtt_ms=8.0, refused={"bad_json": 5, "bad_id": 2},
    )  # fmt: skip
    metrics = refreshed(link=link)
    assert value(metrics, "v2g_link_up") == 1
    assert value(metrics, "v2g_link_suspect") == 1
    assert value(metrics, "v2g_link_reconnects_total") == 4
    assert value(metrics, "v2g_link_messages_in_total") == 120_000
    assert value(metrics, "v2g_link_messages_out_total") == 600
    assert value(metrics, "v2g_telemetry_shed_total") == 17
    assert value(metrics, "v2g_certificate_days") == 12.5
    assert value(metrics, "v2g_certificate_days_left", {"certificate": "client"}) == 12.5
    assert value(metrics, "v2g_certificate_days_left", {"certificate": "broker"}) == 80.0
    assert value(metrics, "v2g_credentials_fault") == 1
    assert value(metrics, "v2g_link_round_trip_seconds") == pytest.approx(0.008)
    assert value(metrics, "v2g_messages_refused_total", {"cause": "bad_json"}) == 5
    assert value(metrics, "v2g_messages_refused_total", {"cause": "bad_id"}) == 2


@pytest.mark.parametrize("state", [LinkState.DOWN, LinkState.CONNECTING, LinkState.CLOSED])
def test_a_link_that_is_not_connected_is_not_up(state: LinkState) -> None:
    assert value(refreshed(link=LinkHealth(state=state)), "v2g_link_up") == 0


def test_what_is_not_known_is_absent_and_not_zero() -> None:
    names = {name for name, _ in samples(refreshed())}
    assert names.isdisjoint({"v2g_certificate_days", "v2g_link_round_trip_seconds", "v2g_fleet_soc_median_ratio", "ack_rate"})


def test_causes_of_refusal_stay_a_closed_set() -> None:
    hostile = {f"cause_{chr(97 + n % 26)}{chr(97 + n // 26)}": 1 for n in range(200)}
    shown = samples(refreshed(link=LinkHealth(refused={"FR-ZOE:0042": 3, 'x"} 1\n': 4, **hostile})))
    causes = {labels: number for (name, labels), number in shown.items() if name == "v2g_messages_refused_total"}
    assert len(causes) <= 33
    assert sum(causes.values()) == 207
    assert causes[(("cause", "other"),)] >= 7


def test_the_fleet_is_shown_by_quality_and_headroom() -> None:
    fleet = FleetSummary(
        vehicles=200, available=150, dispatched=60, fresh=180, stale=12, lost=5, undescribed=3, v2g=90, owed=2, up_kw=812.5, down_kw=440.0,
        up_p90_kw=700.0, soc_median=0.61,
    )  # fmt: skip
    metrics = refreshed(fleet=fleet)
    for quality, number in {"fresh": 180, "stale": 12, "lost": 5, "undescribed": 3}.items():
        assert value(metrics, "v2g_fleet_vehicles", {"quality": quality}) == number
    assert value(metrics, "v2g_fleet_available_vehicles") == 150
    assert value(metrics, "v2g_fleet_owed_releases") == 2
    assert value(metrics, "v2g_fleet_headroom_kw", {"direction": "up"}) == 812.5
    assert value(metrics, "v2g_fleet_headroom_kw", {"direction": "down"}) == 440.0
    assert value(metrics, "v2g_fleet_headroom_p90_kw", {"direction": "up"}) == 700.0


def test_running_dispatches_are_summed_by_signal_and_ended_ones_are_not() -> None:
    dispatches = (
        view("FCR", DispatchState.ACTIVE, 300.0, 250.0),
        view("FCR", DispatchState.RELEASING, 100.0),
        view("aFRR_DOWN", DispatchState.ACTIVE, -50.0, -45.0),
        view("FCR", DispatchState.COMPLETED, 1000.0, 1000.0),
    )
    metrics = refreshed(dispatches=dispatches)
    assert value(metrics, "v2g_dispatches", {"state": "active"}) == 2
    assert value(metrics, "v2g_dispatches", {"state": "releasing"}) == 1
    assert value(metrics, "v2g_dispatches", {"state": "sending"}) == 0
    assert value(metrics, "v2g_dispatch_requested_kw", {"signal_type": "FCR"}) == 400.0
    assert value(metrics, "v2g_dispatch_acknowledged_kw", {"signal_type": "FCR"}) == pytest.approx(360.0)
    assert value(metrics, "v2g_dispatch_delivered_kw", {"signal_type": "FCR"}) == 250.0
    assert value(metrics, "v2g_dispatch_delivered_kw", {"signal_type": "aFRR_DOWN"}) == -45.0
    assert value(metrics, "v2g_dispatch_requested_kw", {"signal_type": "MA"}) == 0.0


def test_the_engine_is_shown_in_base_units() -> None:
    metrics = refreshed()
    assert value(metrics, "v2g_engine_loop_lag_seconds") == pytest.approx(0.0125)
    assert value(metrics, "v2g_events_dropped_total") == 3
    assert value(metrics, "v2g_engine_memory_bytes") == 64 * 1024 * 1024
    assert value(metrics, "v2g_engine_ready") == 1
    assert any(name == "v2g_build_info" for name, _ in samples(metrics))


def test_two_engines_in_one_process_share_nothing_and_the_global_registry_stays_clean() -> None:
    one, other = Metrics(), Metrics()
    one.count_publish(ok=True)
    assert value(other, "mqtt_publish_success_total") == 0
    assert not any("v2g" in family.name or "mqtt" in family.name for family in REGISTRY.collect())
