"""Difficulty vectors: a question's pass rates over the rungs of a ladder, from counts of trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayes_cod.errors import InputError

type FloatArray = npt.NDArray[np.float64]
type IntArray = npt.NDArray[np.int64]
type BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TrialCounts:
    """Passes and trials of every question at every rung.

    Attributes
    ----------
    n_correct, n_trials : int [question, rung]
        Passes and trials; ``n_trials == 0`` marks a missing result.
    """

    n_correct: IntArray
    n_trials: IntArray

    @classmethod
    def of(cls, n_correct: npt.ArrayLike, n_trials: npt.ArrayLike) -> TrialCounts:
        """Validated counts.

        Raises
        ------
        InputError
            If the arrays are not two-dimensional and of equal shape, hold fractions, negative
            numbers, or more passes than trials.
        """
        correct, trials = np.asarray(n_correct), np.asarray(n_trials)
        if correct.ndim != 2 or correct.shape != trials.shape:
            raise InputError(
                "n_correct and n_trials must both be [question, rung] arrays of one shape, "
                f"got {correct.shape} and {trials.shape}."
            )
        if not (np.all(np.isfinite(correct)) and np.all(np.isfinite(trials))):
            raise InputError("n_correct and n_trials must be finite; give missing results 0 trials.")
        if np.any(correct != np.floor(correct)) or np.any(trials != np.floor(trials)):
            raise InputError("n_correct and n_trials must be whole numbers.")
        if np.any(correct < 0) or np.any(correct > trials):
            question, rung = np.argwhere((correct < 0) | (correct > trials))[0]
            raise InputError(
                f"question {question}, rung {rung}: {correct[question, rung]} passes of "
                f"{trials[question, rung]} trials; expected 0 <= passes <= trials."
            )
        return cls(correct.astype(np.int64), trials.astype(np.int64))

    @property
    def pass_rates(self) -> FloatArray:
        """Pass rates [question, rung]; NaN where there was no trial."""
        rates = np.full(self.n_trials.shape, np.nan)
        np.divide(self.n_correct, self.n_trials, out=rates, where=self.n_trials > 0)
        return rates


@dataclass(frozen=True)
class TrialSplit:
    """Two disjoint halves of the trials.

    Attributes
    ----------
    clustering, fitting : TrialCounts [question, rung]
        The half that forms the clusters and the half that laws are fitted to.
    shared : bool [question, rung]
        Where a single trial could not be split, so that both halves hold it.
    """

    clustering: TrialCounts
    fitting: TrialCounts
    shared: BoolArray

    @property
    def shared_noise(self) -> bool:
        """Whether any trial serves both clustering and fitting."""
        return bool(self.shared.any())


def split_trials(counts: TrialCounts, rng: np.random.Generator) -> TrialSplit:
    """Split every cell's trials at random into two disjoint halves.

    Questions picked into a cluster because of lucky draws regress to the mean on other draws;
    clustering on one half and fitting the other removes this. The clustering half gets
    ``n // 2`` trials with a hypergeometric number of passes, the fitting half the rest.
    Cells with one trial cannot be split: they appear in both halves and are marked as shared.

    Parameters
    ----------
    counts : TrialCounts [question, rung]
    rng : numpy.random.Generator

    Returns
    -------
    TrialSplit
    """
    n, k = counts.n_trials, counts.n_correct
    half = n // 2
    passed = rng.hypergeometric(k, n - k, half).astype(np.int64)
    shared = n == 1
    clustering = TrialCounts(np.where(shared, k, passed), np.where(shared, n, half))
    fitting = TrialCounts(np.where(shared, k, k - passed), np.where(shared, n, n - half))
    return TrialSplit(clustering, fitting, shared)


def smooth_checkpoints(n_correct: npt.ArrayLike, n_trials: npt.ArrayLike, centre: int, width: int = 1) -> TrialCounts:
    """TrialCounts of one checkpoint pooled with its neighbours in training.

    The paper averages the pass rates of the previous, the final and the next checkpoint, with equal
    trials; pooling counts is the same and also right for unequal trials.

    Parameters
    ----------
    n_correct, n_trials : int [question, rung, checkpoint]
        Checkpoints in order of training; 0 trials where one is missing.
    centre : int
        Index of the checkpoint to smooth.
    width : int
        Neighbours to pool on either side; those beyond the first or last checkpoint don't exist.

    Returns
    -------
    TrialCounts [question, rung]

    Raises
    ------
    InputError
        If the arrays are not three-dimensional or `centre` is not one of the checkpoints.
    """
    correct, trials = np.asarray(n_correct), np.asarray(n_trials)
    if correct.ndim != 3 or correct.shape != trials.shape:
        raise InputError(
            "n_correct and n_trials must be [question, rung, checkpoint] arrays of one shape, "
            f"got {correct.shape} and {trials.shape}."
        )
    if not 0 <= centre < correct.shape[2]:
        raise InputError(f"centre must be a checkpoint from 0 to {correct.shape[2] - 1}, got {centre}.")
    if width < 0:
        raise InputError(f"width must be 0 or more, got {width}.")
    window = slice(max(centre - width, 0), centre + width + 1)
    return TrialCounts.of(correct[:, :, window].sum(axis=2), trials[:, :, window].sum(axis=2))


def zero_mask(vectors: FloatArray) -> BoolArray:
    """Questions no rung ever passed: a boolean [question] of the all-zero difficulty vectors.

    Missing entries (NaN) count as not passed.
    """
    return np.asarray(~np.any(np.nan_to_num(vectors) > 0, axis=1))


def fill_missing(vectors: FloatArray, x: npt.ArrayLike) -> FloatArray:
    """Difficulty vectors with missing entries interpolated linearly in log compute.

    Beyond a question's first or last result its nearest one is carried. Clusterers need complete
    vectors; the filled values are never fitted to.

    Parameters
    ----------
    vectors : [question, rung]
        Pass rates; NaN where missing.
    x : [rung]
        Compute in decades, increasing.

    Returns
    -------
    [question, rung]

    Raises
    ------
    InputError
        If a question has no result at all.
    """
    filled = np.array(vectors, dtype=float)
    grid = np.asarray(x, dtype=float)
    missing = np.isnan(filled)
    if missing.all(axis=1).any():
        raise InputError(f"question {int(np.argmax(missing.all(axis=1)))} has no trial at any rung.")
    for i in np.flatnonzero(missing.any(axis=1)):
        known = ~missing[i]
        filled[i] = np.interp(grid, grid[known], filled[i, known])
    return filled
