"""The report page: one self-contained HTML file per run, for readers who have never seen the code."""

from proofs_check.report.page import write_report

__all__ = ["write_report"]
