"""Judging forecasts: back-tests, proper scores and their summaries."""

from bayes_cod.evaluation.backtest import backtest
from bayes_cod.evaluation.summary import best_baseline, common_cells, paired, summarise, summary_table

__all__ = ["backtest", "best_baseline", "common_cells", "paired", "summarise", "summary_table"]
