"""Files of models that somebody else trained (LoRA, textual inversion, Custom Diffusion), as models here."""

from .job import Options, check_one_base, ingest_models
from .listing import Entry, list_models
from .said import Said
from .summary import ModelSummary

__all__ = ["Entry", "ModelSummary", "Options", "Said", "check_one_base", "ingest_models", "list_models"]
