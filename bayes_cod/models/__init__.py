"""The Bayesian models: graphs, priors and the forecasters built on them."""
