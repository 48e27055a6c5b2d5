"""The report: one self-contained HTML file made of a list of sections."""

from bayes_cod.report.build import build_report

__all__ = ["build_report"]
