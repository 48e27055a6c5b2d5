"""Bayesian FLP-M: mixture of training data to domain losses, and domain losses to scores."""
