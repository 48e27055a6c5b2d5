"""A conjugate toy: on the logit scale a score is a straight line in log compute, known but for one level, plus
noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayes_cod.decisions.next_run import Curves
from bayes_cod.decisions.runs import Evaluation


def scores(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


@dataclass(frozen=True)
class Toy:
    """``logit score(x) = level + slope x + luck``, level ~ N(mean, level_sd), slope ~ N(1, slope_sd), luck ~ N(0,
    luck_sd)."""

    mean: float = -0.4
    level_sd: float = 0.3
    slope_sd: float = 0.0
    luck_sd: float = 0.2
    benchmarks: int = 1
    draws: int = 4000
    seed: int = 0

    @property
    def flops(self) -> np.ndarray:
        return np.logspace(20, 23, 31)

    def curves(self, target: float = 1e22) -> tuple[Curves, np.ndarray]:
        """Curves and the latent scores at the target, ``(sample, benchmark)``."""
        rng = np.random.default_rng(self.seed)
        shape = (self.draws, 1, self.benchmarks)
        level = rng.normal(self.mean, self.level_sd, shape)
        slope = rng.normal(1.0, self.slope_sd, shape)

        def latent(flops: np.ndarray) -> np.ndarray:
            return level + slope * np.log10(flops / 1e21)[None, :, None]

        grid, end = latent(self.flops), latent(np.array([target]))[:, 0]
        observed = grid + rng.normal(0, self.luck_sd, grid.shape)
        seen = end + rng.normal(0, self.luck_sd, end.shape)
        unknown = np.full(self.benchmarks, np.nan)
        # the edge of the scale is a thousandth here, so that the toy's logit and the package's are the same but for
        # that
        evaluation = Evaluation(unknown, unknown)
        return Curves(self.flops, scores(observed), scores(grid), scores(seen), evaluation, target), scores(end)
