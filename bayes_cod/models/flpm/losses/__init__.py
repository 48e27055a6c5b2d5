"""The first stage of FLP-M: losses of validation domains from mixture, size and tokens."""

from bayes_cod.models.flpm.losses.stage import FAR_MIXTURE, LOSS_SAMPLER, MixtureLosses

__all__ = ["FAR_MIXTURE", "LOSS_SAMPLER", "MixtureLosses"]
