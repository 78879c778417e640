"""Prometheus metrics. For others: `Metrics`, which the engine feeds, and `server.MetricsServer`, which serves them."""

from v2g_console.metrics.registry import Metrics

__all__ = ["Metrics"]
