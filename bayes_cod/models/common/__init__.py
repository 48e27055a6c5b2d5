"""What several Bayesian models share."""
