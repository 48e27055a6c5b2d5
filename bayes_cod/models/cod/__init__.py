"""Bayesian COD: from scores and question-level counts, through clusters and a path in compute, to benchmark scores."""
