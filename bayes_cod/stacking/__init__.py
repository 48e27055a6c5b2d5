"""Stacking: forecasts of several forecasters mixed, with weights from a back-test inside the ladder.

`bayes_cod.stacking.names` has the spellings, `bayes_cod.stacking.forecaster` the forecaster.
"""
