"""The Bayesian models: graphs, priors and the forecasters built on them."""

from bayes_cod.compilation import choose_folder

choose_folder()  # before a model imports PyTensor
