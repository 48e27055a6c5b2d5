"""What decisions start from: the draws of a saved forecast, lined up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayes_cod.decisions.next_run import Curves
from bayes_cod.decisions.runs import Evaluation, at_compute, from_scale, to_scale
from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError
from bayes_cod.forecasts.explanation import MOST_SAMPLES, thinned
from bayes_cod.forecasts.record import RUNG, Record
from bayes_cod.ladder import Target


@dataclass(frozen=True)
class Basis:
    """Draws of one target, of the curves to it, and how both are evaluated.

    Attributes
    ----------
    record
        The forecast.
    target
        Which of its targets.
    benchmarks
        Names along the last dimension of all arrays.
    curves
        Curves, and the target's observed scores on the same draws.
    latent
        Latent scores of the target on the same draws ``(sample, benchmark)``.
    notes
        What a reader must know of how they were lined up.
    """

    record: Record
    target: Target
    benchmarks: list[str]
    curves: Curves
    latent: FloatArray
    notes: tuple[str, ...]

    @property
    def rung_flops(self) -> FloatArray:
        """Compute of the rungs in FLOPs ``(rung,)``."""
        return self.record.rungs["flops"].to_numpy(dtype=float)

    def weights(self, given: dict[str, float]) -> FloatArray:
        """Weights of benchmarks as an array ``(benchmark,)``; all alike where none is given.

        Raises
        ------
        InputError
            For an unknown benchmark, a weight below 0, or none above 0.
        """
        for name, weight in given.items():
            if name not in self.benchmarks:
                raise InputError(f"unknown benchmark '{name}'; the forecast has: {', '.join(self.benchmarks)}")
            if not np.isfinite(weight) or weight < 0:
                raise InputError(f"the weight of '{name}' is {weight!r}; give a number of at least 0")
        found = np.array([given.get(name, 0.0) if given else 1.0 for name in self.benchmarks])
        if found.sum() <= 0:
            raise InputError("all weights are 0; give at least one benchmark a weight above 0")
        return found


def find_target(record: Record, name: str | None) -> Target:
    """A forecast's target by its name; the largest where none is named.

    Raises
    ------
    InputError
        For an unknown name.
    """
    if name is None:
        return max(record.targets, key=lambda target: target.flops)
    for target in record.targets:
        if target.name == name:
            return target
    known = ", ".join(target.name for target in record.targets)
    raise InputError(f"'{name}' is not a target of this forecast; it has: {known}")


def basis_of(record: Record, target: str | None = None) -> Basis:
    """Line up a forecast's draws.

    Curves are thinned when they are saved; the target's draws are thinned alike, so that one sample is one joint draw.
    Where a method's curves have latent scores only, each draw's luck at the target is put on its whole curve.

    Parameters
    ----------
    record
        A saved forecast.
    target
        One of its targets; None: the largest.

    Raises
    ------
    InputError
        For a forecast without intervals or without curves, or an unknown target.
    """
    chosen = find_target(record, target)
    if not record.is_distribution:
        raise InputError(
            f"'{record.method}' gives one number and no interval, so nothing can be decided under uncertainty; "
            f"forecast "
            "with another method, such as bayes-cod or exponential+bootstrap"
        )
    found = record.explanation.curves
    if found is None or found.sizes["flops"] < 2:
        raise InputError(
            f"the forecast of '{record.method}' was saved without curves along compute; make it anew, or with "
            f"another method"
        )
    benchmarks = record.benchmarks
    curves = found.sel(benchmark=benchmarks).transpose("sample", "flops", "benchmark")
    latent = curves["latent"].to_numpy().astype(float)
    flops = curves["flops"].to_numpy().astype(float)
    evaluation = evaluation_of(record)
    notes: list[str] = []
    draws = record.forecast.draws.sel(target=chosen.name).transpose("sample", "benchmark")
    seen, end = (thinned(draws[name].to_numpy().astype(float), MOST_SAMPLES) for name in ("score", "latent"))
    if len(seen) != len(latent):
        seen, end, note = _at_end(flops, chosen, seen, end, latent)
        notes.append(note)
    edge = evaluation.edge
    if "observed" in curves:
        observed = curves["observed"].to_numpy().astype(float)
    else:
        luck = to_scale(seen, edge) - to_scale(end, edge)
        observed = from_scale(to_scale(latent, edge) + luck[:, None, :], edge)
    if record.forecast.facts.get("recalibration"):
        notes.append("curves are the method's own, whose intervals the recalibration does not scale")
    return Basis(
        record, chosen, benchmarks, Curves(flops, observed, latent, seen, evaluation, chosen.flops), end, tuple(notes)
    )


def _at_end(
    flops: FloatArray, target: Target, seen: FloatArray, end: FloatArray, latent: FloatArray
) -> tuple[FloatArray, FloatArray, str]:
    """The target's draws from the curves, for a forecast whose draws are not those of its curves."""
    at = at_compute(latent, flops, target.flops)
    luck = np.random.default_rng(0).choice(len(seen), size=len(at))
    edge = np.full(at.shape[1], 0.002)
    moved = from_scale(to_scale(at, edge) + (to_scale(seen, edge) - to_scale(end, edge))[luck], edge)
    note = "curves and forecast are of different draws: the target's are taken from the curves"
    return moved, at, note


def evaluation_of(record: Record) -> Evaluation:
    """Questions and trials of the benchmarks, as the rungs have them."""
    rungs = record.observations[record.observations["role"] == RUNG]
    medians = rungs.groupby("benchmark")[["n_questions", "n_trials"]].median().reindex(record.benchmarks)
    return Evaluation(medians["n_questions"].to_numpy(dtype=float), medians["n_trials"].to_numpy(dtype=float))
