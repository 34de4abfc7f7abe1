"""The measured numbers beside the published ones, as a page and as Markdown, with plots.

Reads the views `metrics`, `intervals`, `differences` and `published`, and the tables that describe their
cases, encoders, mappers and runs. The same store gives the same bytes: nothing in a report depends on when or
where it is written.
"""

from .write import write_report

__all__ = ["write_report"]
