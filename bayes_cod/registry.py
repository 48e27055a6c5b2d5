"""Every method once: its name, how it is made, which tables it needs, whether it samples and what it can learn from.

Help texts, `check`'s list of methods that would work, and ``auto`` come from these entries. A method's module is
imported when it is made, so that point methods never load PyMC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from bayes_cod import published
from bayes_cod.errors import InputError
from bayes_cod.forecasts import Forecaster, Method
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.needs import Need, lacking
from bayes_cod.stacking.forecaster import make_stack
from bayes_cod.stacking.names import PREFIX, SEPARATOR, STACKS, members_of

type Kind = Literal["published", "bayesian"]

AUTO = "auto"
KINDS = ("all", "baselines", "bayesian", "stacks")


@dataclass(frozen=True)
class Entry:
    """One method.

    Attributes
    ----------
    name
        Name everywhere: in Python, on the command line, in tables.
    summary
        What it is, in half a sentence.
    make
        ``make(seed, **settings)`` returns an unfitted forecaster.
    needs
        What a ladder must hold.
    kind
        "published": a point method or one of its forms with a distribution; "bayesian": a model that is sampled.
    takes_prior
        Whether it takes `priors`, learnt from other ladders.
    takes_pool
        Whether it learns from other families.
    """

    name: str
    summary: str
    make: Callable[..., Forecaster]
    needs: tuple[Need, ...] = ("scores",)
    kind: Kind = "published"
    takes_prior: bool = False
    takes_pool: bool = False

    @property
    def samples(self) -> bool:
        """Whether it samples, and so takes `draws` and `chains`."""
        return self.kind == "bayesian"


_ENTRIES: dict[str, Entry] = {}


def register(entry: Entry) -> None:
    """Add a method, or replace one; it then appears in forecasts, back-tests, `check` and the help."""
    _ENTRIES[entry.name] = entry


def unregister(name: str) -> None:
    """Take a method out."""
    _ENTRIES.pop(name, None)


def entries() -> list[Entry]:
    """All methods but stacks, Bayesian ones first."""
    return sorted(_ENTRIES.values(), key=lambda entry: entry.kind != "bayesian")


def entry_of(name: str) -> Entry:
    """The entry of a method that is no stack.

    Raises
    ------
    InputError
        For an unknown name, with the names that exist.
    """
    if name not in _ENTRIES:
        raise _unknown(name)
    return _ENTRIES[name]


# ---------------------------------------------------------------- names


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
    if kind == "stacks":
        return list(STACKS)
    wanted = "bayesian" if kind == "bayesian" else "published"
    every = [entry.name for entry in _ENTRIES.values() if entry.kind == wanted]
    return [name for name in every if "+" not in name] if kind == "baselines" else every


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

    Examples
    --------
    >>> resolve(["bayes-cod,exponential", "exponential"])
    ['bayes-cod', 'exponential']
    """
    found: dict[str, None] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        if word in KINDS:
            found |= dict.fromkeys(names(word))
        elif word:
            check_name(word)
            found[word] = None
    if not found:
        raise InputError(f"no method was given; expected a list of: {', '.join(known())}")
    return list(found)


def known() -> list[str]:
    """Every name that can be given, and the form of a stack's."""
    return [*names("bayesian"), *names("all"), *STACKS, f"{PREFIX}MEMBER{SEPARATOR}MEMBER"]


def check_name(name: str) -> None:
    """Raise `InputError` for an unknown method, or a stack that names a member twice."""
    members = members_of(name)
    for member in members or (name,):
        if member not in _ENTRIES:
            raise _unknown(member, "" if member == name else f" in the stack '{name}'")
    if members and len(set(members)) < len(members):
        raise InputError(f"the stack '{name}' names a method twice; name each once")


def _unknown(name: str, where: str = "") -> InputError:
    return InputError(f"unknown method '{name}'{where}; the methods are: {', '.join(known())}")


def is_bayesian(name: str) -> bool:
    """Whether a method samples: a Bayesian model, or a stack with one."""
    return any(member in _ENTRIES and _ENTRIES[member].samples for member in members_of(name) or (name,))


def is_stack(name: str) -> bool:
    """Whether a method is a mixture of others."""
    return members_of(name) is not None


def with_prior(name: str) -> bool:
    """Whether a method takes a learnt prior."""
    return name in _ENTRIES and _ENTRIES[name].takes_prior


# ---------------------------------------------------------------- making


def make(name: str, seed: int, **settings: Any) -> Forecaster:
    """Make an unfitted forecaster.

    Parameters
    ----------
    name
        One of `names`, or `stack:MEMBER/MEMBER`.
    seed
        Seed of everything random in it.
    **settings
        Further arguments of the forecaster's class; point methods take none. Methods that sample, and stacks with such
        a member, take `sampling`: settings of the sampler (`draws`, `chains`, ...) that replace single ones of their
        own. Methods with `takes_prior` take `priors`.

    Raises
    ------
    InputError
        For an unknown name, or settings that the method doesn't take.
    """
    check_name(name)
    if is_stack(name):
        return _stack(name, seed, **settings)
    entry = _ENTRIES[name]
    if settings and not entry.samples:
        raise InputError(f"method '{name}' takes no settings; given: {', '.join(settings)}")
    return entry.make(seed, **settings)


def method(name: str, **settings: Any) -> Method:
    """A method with its settings, as a back-test makes it anew for every fold."""
    return Method(name, make, settings)


def settings_of(
    name: str, *, draws: int | None = None, chains: int | None = None, priors: Any = None
) -> dict[str, Any]:
    """Settings of a method from what a user chose; what was left open is not in it.

    Raises
    ------
    InputError
        If the method does not sample and draws or chains were given, or takes no prior and one was given.
    """
    sampling = {key: value for key, value in (("draws", draws), ("chains", chains)) if value is not None}
    if sampling and not is_bayesian(name):
        raise InputError(
            f"the method '{name}' does not sample, so it takes no {' or '.join(f'`{k}`' for k in sampling)}"
        )
    if priors is not None and not with_prior(name):
        takers = [entry.name for entry in entries() if entry.takes_prior]
        raise InputError(f"the method '{name}' takes no `prior`; {' and '.join(takers)} can use one")
    return ({"sampling": sampling} if sampling else {}) | ({"priors": priors} if priors is not None else {})


def _stack(name: str, seed: int, *, sampling: Mapping[str, Any] | None = None, **settings: Any) -> Forecaster:
    if sampling and not is_bayesian(name):
        raise InputError(f"no member of '{name}' samples, so it takes none of: {', '.join(sampling)}")
    members = [
        method(member, **({"sampling": dict(sampling)} if sampling and is_bayesian(member) else {}))
        for member in members_of(name) or ()
    ]
    return make_stack(members, seed, name=name, **settings)


# ---------------------------------------------------------------- choosing


def usable(ladder: Ladder, family: str | None = None) -> list[tuple[Entry, str]]:
    """Every method with why it can't work on a ladder; an empty reason where it would."""
    return [(entry, lacking(ladder, entry.needs, family)) for entry in entries()]


def choose(ladder: Ladder, family: str | None = None) -> str:
    """The method that ``auto`` stands for: the best form that the ladder's tables allow.

    Bayesian COD needs no more than scores, and is better with questions answered; where there are none but losses,
    Bayesian FLP comes first.

    Raises
    ------
    InputError
        If no method can use the ladder.
    """
    first: tuple[str, ...] = () if not lacking(ladder, ("items",), family) else ("bayes-flp",)
    for name in (*first, *BEST_FIRST):
        if name in _ENTRIES and not lacking(ladder, _ENTRIES[name].needs, family):
            return name
    reasons = "; ".join(f"{name}: {lacking(ladder, _ENTRIES[name].needs, family)}" for name in BEST_FIRST)
    raise InputError(f"no method can forecast ladder '{ladder.name}'; {reasons}")


def resolve_auto(name: str, ladder: Ladder, family: str | None = None) -> str:
    """The method's own name where it is ``auto``."""
    return choose(ladder, family) if name == AUTO else name


# ---------------------------------------------------------------- the entries


def _lazily(module: str, name: str) -> Callable[..., Forecaster]:
    """A forecaster's class, imported when it is first made."""

    def make_it(seed: int, **settings: Any) -> Forecaster:
        made: Forecaster = getattr(import_module(module), name)(seed=seed, **settings)
        return made

    return make_it


BEST_FIRST = ("bayes-cod", "bayes-flp", "exponential+bootstrap")
"""What ``auto`` tries, in this order."""

register(
    Entry(
        "bayes-cod",
        "hierarchical scaling law over clusters of questions and benchmarks",
        _lazily("bayes_cod.models.cod.forecaster", "BayesianCOD"),
        needs=("scores",),
        kind="bayesian",
        takes_prior=True,
        takes_pool=True,
    )
)
register(
    Entry(
        "bayes-flp",
        "compute to loss to score in one model, benchmarks pooled",
        _lazily("bayes_cod.models.flp.forecaster", "BayesianFLP"),
        needs=("scores", "losses"),
        kind="bayesian",
        takes_pool=True,
    )
)
register(
    Entry(
        "bayes-flpm",
        "mixture, size and tokens to domain losses to scores",
        _lazily("bayes_cod.models.flpm.forecaster", "BayesianFLPM"),
        needs=("scores", "domain losses", "mixtures", "sizes"),
        kind="bayesian",
        takes_pool=True,
    )
)
for _name in published.names():
    register(
        Entry(
            _name,
            published.summary(_name),
            lambda seed, name=_name: published.make(name, seed),
            needs=published.needs(_name),
        )
    )
