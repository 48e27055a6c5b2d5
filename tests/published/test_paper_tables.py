"""The papers' summary figures, computed again from their own rows."""

import numpy as np
import pytest
import reference_laws

# errors in points, columns GSM8k, MATH, BBH, TriviaQA, MBPP, AGIEval, DROP, MMLU-pro
MAIN = {
    "loss-intermediate": (5.29, 9.39, [9.39, 6.95, 2.33, 5.81, 5.52, 1.41, 5.37, 5.55]),
    "exponential": (3.10, 6.00, [4.00, 3.86, 0.64, 0.68, 1.75, 6.00, 4.11, 3.72]),
    "passrate": (5.02, 8.80, [6.71, 8.80, 3.51, 4.00, 7.34, 6.78, 0.26, 2.74]),
    "bnsl": (5.17, 13.05, [4.23, 5.88, 13.05, 5.86, 2.55, 0.82, 1.53, 7.42]),
    "without map": (2.24, 5.26, [4.70, 0.50, 2.91, 1.98, 0.89, 5.26, 1.08, 0.57]),
    "cod": (1.55, 2.68, [2.68, 0.79, 0.47, 1.97, 2.42, 1.64, 1.05, 1.39]),
    "cod without anchor": (2.65, 4.98, [3.10, 3.99, 0.97, 2.38, 1.59, 4.98, 2.86, 1.32]),
}

# full-set errors by clusterer, rows GSM8k ... MMLU-pro
CLUSTERERS = {
    "kmeans": (3.06, 8.99, [0.00, 2.34, 8.99, 2.46, 2.67, 2.68, 1.64, 3.69]),
    "dbscan": (3.44, 6.27, [4.12, 4.16, 4.36, 0.81, 1.41, 6.27, 2.66, 3.69]),
    "meanshift": (2.51, 4.90, [0.74, 2.26, 0.65, 4.90, 1.22, 3.23, 4.00, 3.08]),
    "improved kmeans": (2.82, 5.56, [4.08, 0.51, 2.17, 1.12, 3.25, 5.56, 5.24, 0.61]),
    "improved meanshift": (1.55, 2.68, [2.68, 0.79, 0.47, 1.97, 2.42, 1.64, 1.05, 1.39]),
}

# full-set errors by filter threshold
THRESHOLDS = {
    "baseline": (1.55, 2.68, [2.68, 0.79, 0.47, 1.97, 2.42, 1.64, 1.05, 1.39]),
    "a > 0.5": (1.55, 2.68, [2.68, 0.79, 0.47, 1.96, 2.42, 1.64, 1.05, 1.39]),
    "b > 0.05": (1.54, 2.68, [2.68, 0.79, 0.47, 1.97, 2.42, 1.64, 0.96, 1.39]),
    "c < 0.5": (2.21, 3.59, [2.68, 0.94, 2.04, 1.42, 2.42, 1.35, 3.59, 3.27]),
    "none": (2.61, 5.33, [4.35, 0.38, 5.33, 3.77, 1.73, 2.38, 1.83, 1.10]),
}

# errors on the predictable subset by filter threshold
THRESHOLDS_SUBSET = {
    "baseline": (1.08, 1.61, [0.31, 0.84, 0.54, 1.56, 1.61, 1.11, 1.44, 1.26]),
    "a > 0.5": (0.94, 1.61, [0.31, 0.84, 0.54, 1.57, 1.61, 1.11, 0.24, 1.26]),
    "b > 0.05": (0.94, 1.61, [0.31, 0.84, 0.54, 1.56, 1.61, 1.11, 0.29, 1.26]),
    "c < 0.5": (1.11, 2.88, [0.31, 1.04, 0.17, 1.05, 1.61, 0.08, 1.71, 2.88]),
    "none": (2.45, 5.39, [4.05, 0.40, 5.39, 2.82, 1.55, 2.24, 2.17, 1.00]),
}

CONTINUED_TRAINING = [1.29, 3.67, 2.27, 4.76, 0.78, 0.96, 0.95, 2.77]
MIXTURE_OF_EXPERTS = {
    "loss-intermediate": (3.23, [0.45, 0.62, 4.48, 0.36, 4.92, 7.24, 4.55]),
    "exponential": (3.95, [2.75, 1.43, 3.88, 1.72, 7.86, 7.79, 2.21]),
    "cod": (3.11, [0.54, 1.72, 5.29, 0.27, 8.11, 0.57, 5.24]),
}

ROUNDING = 0.0051
"""Printed to two decimals, from rows printed to two decimals."""


@pytest.mark.parametrize("table", [MAIN, CLUSTERERS, THRESHOLDS, THRESHOLDS_SUBSET])
def test_means_and_maxima(table: dict) -> None:
    for name, (mean, largest, row) in table.items():
        assert np.mean(row) == pytest.approx(mean, abs=2 * ROUNDING), name
        assert max(row) == largest, name


@pytest.mark.parametrize("name", MIXTURE_OF_EXPERTS)
def test_mixture_of_experts_means(name: str) -> None:
    mean, row = MIXTURE_OF_EXPERTS[name]
    assert np.mean(row) == pytest.approx(mean, abs=2 * ROUNDING)


def test_misprinted_summaries() -> None:
    assert np.mean(MIXTURE_OF_EXPERTS["loss-intermediate"][1]) < 3.65 - 0.4  # printed 3.65
    assert np.mean(CLUSTERERS["dbscan"][2]) < 6.43 - 2.9  # printed 6.43


def test_continued_training_mean() -> None:
    assert np.mean(CONTINUED_TRAINING) == pytest.approx(2.18, abs=ROUNDING)


@pytest.mark.parametrize(
    ("a", "b", "difference", "standard_error"),
    [
        ("without map", "cod", 0.69, 0.63),
        ("exponential", "cod", 1.54, 0.71),
        ("exponential", "cod without anchor", 0.45, 0.44),
    ],
)
def test_paired_differences(a: str, b: str, difference: float, standard_error: float) -> None:
    paired = np.subtract(MAIN[a][2], MAIN[b][2])
    assert paired.mean() == pytest.approx(difference, abs=ROUNDING)
    assert paired.std(ddof=1) / np.sqrt(8) == pytest.approx(standard_error, abs=ROUNDING)


def test_standard_error_of_the_headline() -> None:
    errors = np.array(MAIN["cod"][2])
    assert errors.std(ddof=1) == pytest.approx(0.78, abs=ROUNDING)
    assert errors.std(ddof=1) / np.sqrt(8) == pytest.approx(0.28, abs=ROUNDING)


@pytest.mark.parametrize(("mean", "sd"), [(0.5, 0.1), (1.0, 0.3), (2.0, 0.3), (4.0, 0.5)])
def test_variance_term_of_theorem_1(mean: float, sd: float) -> None:
    """The second-order term takes moments of exp(-L): exp(-mu) sigma^2 / 2, not sigma^2 / (2 mu)."""
    loss = np.random.default_rng(0).normal(mean, sd, 2_000_000)
    gap = np.exp(-loss).mean() - np.exp(-mean)
    standard_error = np.exp(-loss).std() / np.sqrt(len(loss))
    right = reference_laws.variance_correction(mean, sd**2)
    printed = sd**2 / (2 * mean)
    # what is left is of fourth order: exp(-mu) sigma^4 / 8
    assert abs(gap - right) < np.exp(-mean) * sd**4 / 8 * 1.2 + 4 * standard_error
    assert abs(gap - printed) > 5 * abs(gap - right)


def test_variance_term_against_the_closed_form_of_a_normal_loss() -> None:
    mean, sd = 1.5, np.array([0.4, 0.2, 0.1, 0.05])
    exact = np.exp(-mean + sd**2 / 2) - np.exp(-mean)
    left = np.abs(exact - reference_laws.variance_correction(mean, sd**2)) / sd**2
    assert np.all(np.diff(left) < 0)  # o(sigma^2)
    assert left[-1] < 1e-3
