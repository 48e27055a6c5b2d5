"""Forecasts of domain losses as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_cod.forecasts.forecast import QUANTILE_COLUMNS, QUANTILES
from bayes_cod.ladder import Target
from bayes_cod.models.flpm.losses.stage import MixtureLosses


def loss_table(model: MixtureLosses, targets: Sequence[Target]) -> pd.DataFrame:
    """Losses of targets.

    Parameters
    ----------
    model
        Fitted.
    targets
        With mixture, size and tokens.

    Returns
    -------
    pandas.DataFrame
        target, flops, params, tokens, domain (and a row `mean` for the mean over domains), kind ("observed": the run's
        own luck is in it; "latent"), mean, sd and the quantiles q025 ... q975, in the unit of the losses.
    """
    points, _ = model.points(targets)
    made = model.forecast(points)
    domains = (*model.evidence.domains, "mean")
    pieces = []
    for kind, log_losses in (("observed", made.observed), ("latent", made.latent)):
        losses = np.exp(log_losses)
        losses = np.concatenate([losses, losses.mean(axis=2, keepdims=True)], axis=2)
        quantiles = np.quantile(losses, QUANTILES, axis=0)
        for row, target in enumerate(targets):
            pieces.append(
                pd.DataFrame(
                    {
                        "target": target.name,
                        "flops": target.flops,
                        "params": target.params,
                        "tokens": target.tokens,
                        "domain": domains,
                        "kind": kind,
                        "mean": losses[:, row].mean(axis=0),
                        "sd": losses[:, row].std(axis=0),
                        **dict(zip(QUANTILE_COLUMNS, quantiles[:, row], strict=True)),
                    }
                )
            )
    return pd.concat(pieces, ignore_index=True)
