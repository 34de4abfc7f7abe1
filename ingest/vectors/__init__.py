"""Features that were computed elsewhere, by any method, as an encoder without a model."""

from .file import VectorFile, open_vectors
from .job import VectorSummary, ingest_vectors

__all__ = ["VectorFile", "VectorSummary", "ingest_vectors", "open_vectors"]
