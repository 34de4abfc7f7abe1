"""Custom Diffusion: train a base's cross-attention K and V, and a new token V*, on one concept."""

from .config import AUGMENTATIONS, CustomizeConfig, defaults_for
from .diffusers_layout import export_diffusers_layout, import_diffusers_layout
from .job import customize
from .models import model_id

__all__ = [
    "AUGMENTATIONS",
    "CustomizeConfig",
    "customize",
    "defaults_for",
    "export_diffusers_layout",
    "import_diffusers_layout",
    "model_id",
]
