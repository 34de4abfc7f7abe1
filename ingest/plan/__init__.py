"""Plans over a collection of exemplars: which models to customize, which samples to draw, which controls."""

from .concepts import plan_models
from .controls import plan_controls
from .exemplars import STYLE_SIZES
from .file import STAGE, write_plan

__all__ = ["STAGE", "STYLE_SIZES", "plan_controls", "plan_models", "write_plan"]
