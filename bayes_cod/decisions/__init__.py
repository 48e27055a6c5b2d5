"""Decisions that rest on forecasts."""
