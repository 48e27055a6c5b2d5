"""A forecast with everything that stands beside it: made, saved and opened again."""

from bayes_cod.results.result import Result

__all__ = ["Result"]
