"""Bayesian FLP: compute to loss to score in one joint model."""
