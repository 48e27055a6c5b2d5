"""Every forecaster by its name, as the back-test and the command line know it.

Modules are imported when a method is made, so that point methods never load PyMC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bayes_cod.errors import InputError
from bayes_cod.forecaster import Forecaster

if TYPE_CHECKING:
    from bayes_cod.sampling import SamplerSettings

KINDS = ("all", "baselines", "bayesian")
WITH_PRIOR = ("bayes-cod", "bayes-cod-clusters")
"""Methods that take a learnt prior."""
BAYESIAN = (*WITH_PRIOR, "bayes-flp", "bayes-flpm")


def names(kind: str = "all") -> list[str]:
    """Names that `make` knows.

    Parameters
    ----------
    kind
        "baselines": point methods as they are; "all": these and their forms with a distribution (`+bootstrap`,
        `+conformal`); "bayesian": the Bayesian models.

    Raises
    ------
    InputError
        For another kind.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of method '{kind}'; expected one of: {', '.join(KINDS)}")
    if kind == "bayesian":
        return list(BAYESIAN)
    from bayes_cod import published

    every = published.names()
    return every if kind == "all" else [name for name in every if "+" not in name]


def resolve(words: Sequence[str]) -> list[str]:
    """Names of methods that a user asked for.

    Parameters
    ----------
    words
        Names, comma lists of names, or the kinds `all`, `baselines` and `bayesian`.

    Returns
    -------
    list of str
        Each name once, in the order asked for.

    Raises
    ------
    InputError
        For an unknown name, with the names that exist.
    """
    found: dict[str, None] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        if word in KINDS:
            found |= dict.fromkeys(names(word))
        elif word:
            _check(word)
            found[word] = None
    if not found:
        raise InputError(f"no method was given; expected a list of: {', '.join(_known())}")
    return list(found)


def make(name: str, seed: int, **settings: Any) -> Forecaster:
    """Make an unfitted forecaster.

    Parameters
    ----------
    name
        One of `names`.
    seed
        Seed of everything random in it.
    **settings
        Further arguments of the forecaster's class; point methods take none. For the methods in `WITH_PRIOR`,
        `priors` may be what `LearntPrior.record` gives, which JSON can hold.

    Raises
    ------
    InputError
        For an unknown name, or settings that the method doesn't take.
    """
    _check(name)
    if name == "bayes-flpm":
        from bayes_cod.models.flpm.forecaster import BayesianFLPM

        return BayesianFLPM(seed=seed, **settings)
    if name == "bayes-flp":
        from bayes_cod.models.flp.forecaster import BayesianFLP

        return BayesianFLP(seed=seed, **settings)
    if name in BAYESIAN:
        from bayes_cod.models.cod.forecaster import BayesianCOD
        from bayes_cod.models.cod.grouping import GroupingSettings

        if name == "bayes-cod-clusters":
            settings = {"grouping": GroupingSettings(clusters="model")} | settings
        if isinstance(settings.get("priors"), Mapping):
            from bayes_cod.models.cod.learnt_prior import LearntPrior

            settings = settings | {"priors": LearntPrior.of(settings["priors"])}
        return BayesianCOD(seed=seed, name=name, **settings)
    if settings:
        raise InputError(f"method '{name}' takes no settings; given: {', '.join(settings)}")
    from bayes_cod import published

    return published.make(name, seed)


def default_sampler(name: str) -> SamplerSettings:
    """How a Bayesian method samples where nothing else is asked for."""
    if name == "bayes-flp":
        from bayes_cod.models.flp.forecaster import SAMPLER

        return SAMPLER
    from bayes_cod.sampling import SamplerSettings

    return SamplerSettings()


def _check(name: str) -> None:
    if name not in _known():
        raise InputError(f"unknown method '{name}'; the methods are: {', '.join(_known())}")


def _known() -> list[str]:
    return [*BAYESIAN, *names("all")]
