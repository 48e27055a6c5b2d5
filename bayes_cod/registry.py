"""Every forecaster by its name, as the back-test and the command line know it.

Modules are imported when a method is made, so that point methods never load PyMC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecaster import Forecaster
from bayes_cod.stacking.names import PREFIX, SEPARATOR, STACKS, members_of

if TYPE_CHECKING:
    from bayes_cod.models.sampling import SamplerSettings

KINDS = ("all", "baselines", "bayesian", "stacks")
WITH_PRIOR = ("bayes-cod", "bayes-cod-clusters")
"""Methods that take a learnt prior."""
BAYESIAN = (*WITH_PRIOR, "bayes-flp", "bayes-flpm")


def names(kind: str = "all") -> list[str]:
    """Names that `make` knows.

    Parameters
    ----------
    kind
        "baselines": point methods as they are; "all": these and their forms with a distribution (`+bootstrap`,
        `+conformal`); "bayesian": the Bayesian models; "stacks": the ready-made mixtures of these.

    Raises
    ------
    InputError
        For another kind.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of method '{kind}'; expected one of: {', '.join(KINDS)}")
    if kind == "bayesian":
        return list(BAYESIAN)
    if kind == "stacks":
        return list(STACKS)
    from bayes_cod import published

    every = published.names()
    return every if kind == "all" else [name for name in every if "+" not in name]


def resolve(words: Sequence[str]) -> list[str]:
    """Names of methods that a user asked for.

    Parameters
    ----------
    words
        Names, comma lists of names, or the kinds `all`, `baselines`, `bayesian` and `stacks`. A stack of your own is
        `stack:MEMBER/MEMBER`.

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
        One of `names`, or `stack:MEMBER/MEMBER`.
    seed
        Seed of everything random in it.
    **settings
        Further arguments of the forecaster's class; point methods take none. For the methods in `WITH_PRIOR`,
        `priors` may be what `LearntPrior.record` gives, which JSON can hold. Stacks also take `sampling`: settings of
        the sampler (`draws`, `chains`, ...) that replace the own ones of each member that samples.

    Raises
    ------
    InputError
        For an unknown name, or settings that the method doesn't take.
    """
    _check(name)
    members = members_of(name)
    if members is not None:
        return _stack(name, members, seed, **settings)
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

    from bayes_cod.models.cod.forecaster import SAMPLER

    return SAMPLER


def is_bayesian(name: str) -> bool:
    """Whether a method samples: a Bayesian model, or a stack with one."""
    return any(member in BAYESIAN for member in members_of(name) or (name,))


def is_stack(name: str) -> bool:
    """Whether a method is a mixture of others."""
    return members_of(name) is not None


def _stack(
    name: str, members: Sequence[str], seed: int, *, sampling: Mapping[str, Any] | None = None, **settings: Any
) -> Forecaster:
    from dataclasses import replace

    from bayes_cod.evaluation.jobs import Method
    from bayes_cod.stacking.forecaster import make_stack

    if sampling and not is_bayesian(name):
        raise InputError(f"no member of '{name}' samples, so it takes none of: {', '.join(sampling)}")
    made = [
        Method(
            member,
            {"sampler": replace(default_sampler(member), **sampling)} if sampling and is_bayesian(member) else {},
        )
        for member in members
    ]
    return make_stack(made, seed, name=name, **settings)


def _check(name: str) -> None:
    for member in members_of(name) or (name,):
        if member not in _single():
            where = "" if member == name else f" in the stack '{name}'"
            raise InputError(f"unknown method '{member}'{where}; the methods are: {', '.join(_known())}")
    members = members_of(name) or ()
    if len(set(members)) < len(members):
        raise InputError(f"the stack '{name}' names a method twice; name each once")


def _known() -> list[str]:
    return [*_single(), *STACKS, f"{PREFIX}MEMBER{SEPARATOR}MEMBER"]


def _single() -> list[str]:
    return [*BAYESIAN, *names("all")]
