"""The demo: the whole method on the embedded world, then a report.

`settings` the settings and mappers, `stages` the pipeline; `findings` and `attributions` measure the result,
`tables` and `figures` format the measurements, `examples` and `report` make the page.
"""

from .settings import DemoSettings
from .stages import is_done, make_world, run_demo, summary

__all__ = ["DemoSettings", "is_done", "make_world", "run_demo", "summary"]
