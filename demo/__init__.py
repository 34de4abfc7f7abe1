"""The demo: the whole method on the embedded world, stage by stage, then a page anyone can read.

`settings` what to run, `plan` which models, `stages` the pipeline, `figures` the plots, `findings` the
facts of the report, `report` the page.
"""

from .settings import DemoSettings
from .stages import is_done, run_demo, summary

__all__ = ["DemoSettings", "is_done", "run_demo", "summary"]
