"""Forecast a large language model's benchmark scores from a ladder of small models, with intervals."""

from bayes_cod.errors import BayesCodError, GateError, InputError
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.readers.tables import read_tables as read_ladder

__version__ = "0.1.0"

__all__ = ["BayesCodError", "Forecast", "GateError", "InputError", "Ladder", "Target", "read_ladder"]
