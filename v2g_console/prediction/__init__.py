"""Availability and SoC forecasts: the protocol, a deterministic mock, and one that learns availability by hour of week."""

from v2g_console.prediction.build import build_prediction
from v2g_console.prediction.history import HistoryPrediction
from v2g_console.prediction.plain import MockPrediction, NoPrediction
from v2g_console.prediction.port import PredictionEngine

__all__ = ["HistoryPrediction", "MockPrediction", "NoPrediction", "PredictionEngine", "build_prediction"]
