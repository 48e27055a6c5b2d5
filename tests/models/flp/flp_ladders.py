"""Small ladders with losses and scores for the tests of Bayesian FLP."""

import numpy as np
import pandas as pd

from bayes_cod import laws
from bayes_cod.ladder import Ladder, Target

SIZES = np.array([1e8, 2e8, 4e8, 8e8])
RATIOS = np.array([10.0, 40.0])
BENCHMARKS = {"steep": (-0.6, 1.6, 0.25), "slow": (-0.2, 0.7, 0.0), "late": (-2.2, 1.5, 0.25), "even": (-0.9, 1.1, 0.5)}
"""Height at the reference run, slope in log loss units, and chance of each benchmark."""

QUESTIONS = 2000


def true_log_loss(params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    return np.asarray(
        np.log(laws.params_tokens_loss(params / 4e8, tokens / 8e9, 1.4, 0.6, 0.34, 0.6, 0.3)), dtype=float
    )


def true_score(log_loss: np.ndarray, benchmark: str, skew: float = 1.0) -> np.ndarray:
    height, slope, chance = BENCHMARKS[benchmark]
    share = laws.skewed_sigmoid(height + slope * (np.log(2.6) - log_loss) / 0.1, skew)
    return np.asarray(chance + (0.99 - chance) * share, dtype=float)


def target(params: float = 3e9, tokens: float = 6e10) -> Target:
    return Target("target", 6 * params * tokens, "fam", params, tokens)


def truth(of: Target, benchmark: str) -> float:
    assert of.params is not None and of.tokens is not None
    return float(true_score(true_log_loss(np.array([of.params]), np.array([of.tokens])), benchmark)[0])


def loss_ladder(
    seed: int = 0,
    *,
    checkpoints: int = 0,
    sized: bool = True,
    noise: float = 0.004,
    family: str = "fam",
    sizes: np.ndarray = SIZES,
) -> Ladder:
    """A grid of sizes and tokens whose losses and scores obey the model's laws."""
    rng = np.random.default_rng(seed)
    models, losses, scores = [], [], []
    for params in sizes:
        for ratio in RATIOS:
            name, tokens = f"{family}-{params:.0e}-{ratio:g}", ratio * params
            models.append((name, family, params, tokens, 6 * params * tokens, True))
            shares = np.append(np.linspace(0.1, 0.9, checkpoints) if checkpoints else [], 1.0)
            for share in shares:
                late = 0.04 * (1 - share)  # learning rate not decayed
                law = float(true_log_loss(np.array([params]), np.array([share * tokens]))[0])
                log_loss = law + late + noise * rng.standard_normal()
                row = (name, share * tokens, 6 * params * share * tokens, bool(share == 1.0))
                losses.append((*row, "web", float(np.exp(log_loss)), 1 - share))
                for benchmark, (_, _, chance) in BENCHMARKS.items():
                    rate = float(true_score(np.array([log_loss]), benchmark)[0])
                    scores.append((*row, benchmark, rng.binomial(QUESTIONS, rate) / QUESTIONS, QUESTIONS, chance))
    columns = ["model", "tokens", "flops", "is_final"]
    frame = pd.DataFrame(models, columns=["model", "family", "params", "tokens", "flops", "is_final"])
    if not sized:
        frame = frame.assign(params=np.nan, tokens=np.nan)
    return Ladder(
        "synthetic",
        frame.sort_values(["flops", "model"], ignore_index=True),
        pd.DataFrame({"benchmark": list(BENCHMARKS), "chance": [value[2] for value in BENCHMARKS.values()]}),
        scores=pd.DataFrame(scores, columns=[*columns, "benchmark", "score", "n_questions", "chance"]),
        losses=pd.DataFrame(losses, columns=[*columns, "domain", "loss", "lr"]),
    )


def pool_ladder() -> Ladder:
    """Two other families, which reach further than `loss_ladder`."""
    first, second = (
        loss_ladder(seed, family=family, sizes=sizes)
        for seed, family, sizes in ((11, "older", 8 * SIZES), (12, "sister", np.array([4e8, 2e9, 6e9])))
    )
    assert first.scores is not None and second.scores is not None
    assert first.losses is not None and second.losses is not None
    return Ladder(
        "pool",
        pd.concat([first.models, second.models]).sort_values(["flops", "model"], ignore_index=True),
        first.benchmarks,
        scores=pd.concat([first.scores, second.scores], ignore_index=True),
        losses=pd.concat([first.losses, second.losses], ignore_index=True),
    )
