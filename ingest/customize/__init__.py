"""Customization: turn a base into a model of some exemplars, by one of several methods (`methods/`)."""

from .config import AUGMENTATIONS, CustomizeConfig, defaults_for
from .diffusers_layout import export_diffusers_layout, import_diffusers_layout
from .job import customize
from .methods import METHODS
from .models import group_by_method, model_id

__all__ = [
    "AUGMENTATIONS",
    "METHODS",
    "CustomizeConfig",
    "customize",
    "defaults_for",
    "export_diffusers_layout",
    "group_by_method",
    "import_diffusers_layout",
    "model_id",
]
