"""Forecasts as data, and what every method is: a forecaster."""

from bayes_cod.forecasts.explanation import Explanation
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.forecasts.forecaster import Forecaster
from bayes_cod.forecasts.method import Method
from bayes_cod.forecasts.sequence import fit_and_forecast

__all__ = ["Explanation", "Forecast", "Forecaster", "Method", "fit_and_forecast"]
