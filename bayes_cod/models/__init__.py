"""The Bayesian models: graphs, priors and the forecasters built on them."""

from bayes_cod.caches import use_writable_compile_cache

use_writable_compile_cache()  # before a model imports PyTensor
