"""Plans over a collection: which models to customize, which samples to draw from them, which controls."""

from .concepts import plan_models
from .controls import plan_controls
from .exemplars import STYLE_SIZES
from .file import STAGE, write_plan
from .sets import SIZES, SetPlan, plan_sets

__all__ = [
    "SIZES",
    "STAGE",
    "STYLE_SIZES",
    "SetPlan",
    "plan_controls",
    "plan_models",
    "plan_sets",
    "write_plan",
]
