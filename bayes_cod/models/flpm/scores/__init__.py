"""The second stage of FLP-M: scores from the losses of validation domains."""

from bayes_cod.models.flpm.scores.stage import ScoreStage

__all__ = ["ScoreStage"]
