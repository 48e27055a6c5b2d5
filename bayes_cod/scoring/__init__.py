"""Proper scores, standard errors and ranks: pure mathematics."""
