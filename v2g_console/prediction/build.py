"""From settings to a forecast."""

from typing import assert_never

from v2g_console.config.settings import PredictionSettings
from v2g_console.prediction.history import HistoryPrediction
from v2g_console.prediction.plain import MockPrediction, NoPrediction
from v2g_console.prediction.port import PredictionEngine


def build_prediction(settings: PredictionSettings) -> PredictionEngine:
    """The forecast that the configuration names."""
    match settings.engine:
        case "none":
            return NoPrediction()
        case "mock":
            return MockPrediction()
        case "history":
            return HistoryPrediction(settings.half_life_days)
        case unknown:
            assert_never(unknown)
