"""What `import bayes_cod as bc` offers: read a ladder, forecast, back-test, open a saved forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pandas as pd

from bayes_cod import registry
from bayes_cod.datasets.source import read_source
from bayes_cod.evaluation.backtest import backtest as run_backtest
from bayes_cod.evaluation.recalibration import Recalibration, read_cells
from bayes_cod.evaluation.scored import Backtest
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.request import Request, make_request
from bayes_cod.readers.tables import read_tables
from bayes_cod.report.answers import matched
from bayes_cod.results.make import make_result
from bayes_cod.results.result import Result

type Source = Ladder | str | PathLike[str]


def read(
    path: str | PathLike[str],
    *,
    models: str | PathLike[str] | None = None,
    metric: str | Mapping[str, str] | None = None,
    filter: str | Mapping[str, str] | None = None,
) -> Ladder:
    """Read a ladder.

    Parameters
    ----------
    path
        Folder of tables or logs, one file, or ``"microladder"`` (also ``"microladder:PART"``) for the bundled ladder.
    models
        Models table of a folder of logs, where it is not in the folder.
    metric, filter
        What to count of logs, for all benchmarks or by benchmark; left out, by the rules of the guide to logs.

    Raises
    ------
    InputError
        For what cannot be used, with file, row and column.

    Examples
    --------
    >>> import bayes_cod as bc
    >>> len(bc.read("microladder").rungs("micro-s0"))
    12
    """
    table = None if models is None else Path(models)
    return read_source(str(path), models=table, metric=metric, filter=filter)


def from_frames(name: str = "ladder", **tables: pd.DataFrame) -> Ladder:
    """A ladder from data frames, read as files of the same columns would be.

    Parameters
    ----------
    name
        What the ladder is called.
    **tables
        Frames by any name, such as ``models=`` and ``items=`` or ``scores=``; their columns say what they are.

    Raises
    ------
    InputError
        For what cannot be used, with the frame's name, its row (from 1) and column.

    Examples
    --------
    >>> import pandas as pd
    >>> models = pd.DataFrame({"model": ["a", "b"], "family": "mine", "flops": [1e20, 1e21]})
    >>> scores = pd.DataFrame({"model": ["a", "b"], "benchmark": "gsm8k", "score": [0.2, 0.4]})
    >>> from_frames(models=models, scores=scores).benchmark_names
    ['gsm8k']
    """
    with TemporaryDirectory(prefix="frames-") as folder:
        for label, frame in tables.items():
            frame.to_parquet(Path(folder) / f"{label}.parquet", index=False)
        return replace(read_tables(folder), name=name)


def request(
    ladder: Source,
    *,
    family: str | None = None,
    target: str | Sequence[str] | None = None,
    flops: float | Sequence[float] | None = None,
    params: float | Sequence[float] | None = None,
    tokens: float | Sequence[float] | None = None,
    benchmarks: str | Sequence[str] | None = None,
    setting: str | None = None,
    cut: str | float | None = None,
    pool: Source | Literal["others"] | None = None,
) -> Request:
    """What `forecast` would forecast from what, with every choice checked; see there for the arguments."""
    return make_request(
        _ladder(ladder),
        family=family,
        targets=_several(target),
        target_flops=_several(flops),
        target_params=_several(params),
        target_tokens=_several(tokens),
        benchmarks=_several(benchmarks),
        setting=setting,
        cut=cut,
        pool=pool if pool is None or pool == "others" else _ladder(pool),  # type: ignore[arg-type]  # "others" is out
    )


def forecast(
    ladder: Source,
    *,
    method: str = registry.AUTO,
    family: str | None = None,
    target: str | Sequence[str] | None = None,
    flops: float | Sequence[float] | None = None,
    params: float | Sequence[float] | None = None,
    tokens: float | Sequence[float] | None = None,
    benchmarks: str | Sequence[str] | None = None,
    setting: str | None = None,
    cut: str | float | None = None,
    pool: Source | Literal["others"] | None = None,
    prior: Any = None,
    recalibrate: Sequence[str | PathLike[str]] = (),
    thresholds: Mapping[str, float] | None = None,
    draws: int | None = None,
    chains: int | None = None,
    seed: int = 0,
    allow_failed_gate: bool = False,
) -> Result:
    """Forecast the scores of larger models, with intervals.

    Parameters
    ----------
    ladder
        A `Ladder`, or what `read` takes.
    method
        Name of a method (`bayes_cod.registry.known()` lists them); ``"auto"``: the best form that the ladder's tables
        allow.
    family
        Family to continue. Left open: the targets' family, or the only one with at least two rungs.
    target
        Name or names of listed models. Left open, with no compute either: every listed larger model of the family that
        has compute and no results.
    flops
        Training compute of the targets in FLOPs.
    params, tokens
        Size and training tokens of the targets; without `flops` the compute is 6 x params x tokens.
    benchmarks, setting
        Benchmarks to forecast; a name without a sampling setting means all its settings. Left open: all.
    cut
        Largest rung used (a name, or FLOPs). Left open: the largest below the smallest target.
    pool
        Other families to learn from: a ladder, what `read` takes, ``"others"`` (this ladder's other families) or None.
    prior
        A learnt prior (`LearntPrior` or its file), for methods that take one.
    recalibrate
        Folders of finished back-tests: intervals are scaled by what they held there.
    thresholds
        Score that is asked for, a fraction, by benchmark: the report says how likely that score or more is.
    draws, chains
        Draws a chain, and chains, for methods that sample.
    seed
        The same seed and data give the same numbers.
    allow_failed_gate
        Return a forecast that did not converge; it says so wherever it is shown.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        For anything that cannot be forecast, with what to do about it.
    GateError
        If the sampler did not converge.

    Examples
    --------
    >>> import bayes_cod as bc
    >>> result = bc.forecast("microladder", target="w128-s0", benchmarks=["sort"], method="last-rung+conformal")
    >>> result.method, result.last_rung, result.forecast.benchmarks
    ('last-rung+conformal', 'w104-s0', ['sort'])
    """
    asked = request(
        ladder,
        family=family,
        target=target,
        flops=flops,
        params=params,
        tokens=tokens,
        benchmarks=benchmarks,
        setting=setting,
        cut=cut,
        pool=pool,
    )
    wanted = matched(thresholds or {}, asked.benchmarks)
    name = registry.resolve_auto(method, asked.ladder)
    settings = registry.settings_of(name, draws=draws, chains=chains, priors=prior)
    folders = [Path(folder) for folder in recalibrate]
    return make_result(
        asked,
        registry.make(name, seed, **settings),
        seed=seed,
        settings={
            "method": method,
            "cut": cut,
            "setting": setting,
            "pool": pool if isinstance(pool, str) or pool is None else asked.pool.name if asked.pool else None,
            "recalibrate": [str(folder) for folder in folders],
            "thresholds": wanted,
            "draws": draws,
            "chains": chains,
            "allow_failed_gate": allow_failed_gate,
        },
        recalibration=Recalibration.learn(read_cells(folders), name) if folders else None,
        allow_failed_gate=allow_failed_gate,
    )


def backtest(
    ladder: Source,
    methods: str | Sequence[str] = (registry.AUTO, "exponential+bootstrap", "last-rung+conformal"),
    *,
    families: str | Sequence[str] | None = None,
    benchmarks: str | Sequence[str] | None = None,
    min_rungs: int = 3,
    max_decades: float | None = None,
    cut_by: Literal["flops", "params"] = "flops",
    pool: Source | Literal["others"] | None = None,
    seed: int = 0,
    n_jobs: int | None = None,
    folder: str | PathLike[str] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Backtest:
    """Forecast models whose scores are known from smaller ones, and score the forecasts.

    See `bayes_cod.evaluation.backtest.backtest` for the arguments; methods are given by name.

    Returns
    -------
    Backtest
        Its `cells` have one row a cell and method; `table()` is the summary as people read it.
    """
    read_in = _ladder(ladder)
    asked = [methods] if isinstance(methods, str) else list(methods)
    names = registry.resolve([registry.resolve_auto(name, read_in) for name in asked])
    cells = run_backtest(
        read_in,
        [registry.method(name) for name in names],
        families=_several(families) or None,
        benchmarks=_several(benchmarks) or None,
        min_rungs=min_rungs,
        max_decades=max_decades,
        cut_by=cut_by,
        pool=pool if pool is None or pool == "others" else _ladder(pool),  # type: ignore[arg-type]  # "others" is out
        seed=seed,
        n_jobs=n_jobs,
        folder=None if folder is None else Path(folder),
        progress=progress,
    )
    return Backtest(cells)


def load(folder: str | PathLike[str]) -> Result:
    """Open a saved forecast; PyMC is not needed.

    Raises
    ------
    InputError
        If the folder holds none.
    """
    return Result.load(Path(folder))


def _ladder(source: Source) -> Ladder:
    return source if isinstance(source, Ladder) else read(source)


def _several[T](value: T | Sequence[T] | None) -> list[T]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value]
    return list(value)
