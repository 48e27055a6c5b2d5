"""Sampling: settings, compiled models, the sampler and the convergence gate."""

from bayes_cod.models.sampling.compiled import Compiled, CompiledModels, Deterministics, exact_arithmetic
from bayes_cod.models.sampling.convergence import DIVERGENCES, Gate, by_label, gate, quantity
from bayes_cod.models.sampling.draws import flat, padded
from bayes_cod.models.sampling.sampler import run, sample
from bayes_cod.models.sampling.settings import SamplerSettings

__all__ = [
    "Compiled",
    "CompiledModels",
    "DIVERGENCES",
    "Deterministics",
    "Gate",
    "SamplerSettings",
    "by_label",
    "exact_arithmetic",
    "flat",
    "gate",
    "padded",
    "quantity",
    "run",
    "sample",
]
