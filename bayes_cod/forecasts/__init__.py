"""Forecasts as data, and what every method is: a forecaster."""

from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.forecasts.forecaster import Forecaster

__all__ = ["Forecast", "Forecaster"]
