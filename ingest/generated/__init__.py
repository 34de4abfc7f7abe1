"""Pictures that somebody else generated, as samples: how they were made, and of which exemplars."""

from .job import ingest_samples
from .settings import Settings

__all__ = ["Settings", "ingest_samples"]
