"""Plans over a collection: which models to customize, which samples to draw from them, which controls."""

from .concepts import plan_model, plan_models
from .controls import plan_controls
from .exemplars import STYLE_SIZES
from .file import STAGE, write_plan
from .prompts import read_captions
from .sets import SIZES, SetPlan, plan_sets
from .untouched import plan_untouched

__all__ = [
    "SIZES",
    "STAGE",
    "STYLE_SIZES",
    "SetPlan",
    "plan_controls",
    "plan_model",
    "plan_models",
    "plan_sets",
    "plan_untouched",
    "read_captions",
    "write_plan",
]
