"""Bayesian COD: from question-level counts through clusters and their laws to benchmark scores."""
