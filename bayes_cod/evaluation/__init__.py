"""Judging forecasts: back-tests, proper scores and their summaries."""

from bayes_cod.evaluation.backtest import backtest
from bayes_cod.evaluation.jobs import Method
from bayes_cod.evaluation.summary import best_baseline, common_cells, paired, summarise, summary_table

__all__ = ["Method", "backtest", "best_baseline", "common_cells", "paired", "summarise", "summary_table"]
