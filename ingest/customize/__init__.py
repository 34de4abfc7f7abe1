"""Custom Diffusion: teach a base one concept by its cross-attention's K and V and a new token V*."""

from .config import AUGMENTATIONS, CustomizeConfig, defaults_for
from .diffusers_layout import export_release_layout, import_release_layout
from .job import customize, model_id

__all__ = [
    "AUGMENTATIONS",
    "CustomizeConfig",
    "customize",
    "defaults_for",
    "export_release_layout",
    "import_release_layout",
    "model_id",
]
