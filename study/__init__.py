"""The study: every encoder with every mapper variant on every case, its tables and figures, and its checks.

`plan` what is compared, read from `study.toml`; `checks/` what any attribution metric must pass; `comparison`
two studies or stores.
"""

from .plan import StudyPlan, read_plan

__all__ = ["StudyPlan", "read_plan"]
