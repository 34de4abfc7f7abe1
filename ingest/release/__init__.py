"""The official release of "Evaluating Data Attribution for Text-to-Image Models" (arXiv:2306.09345)."""

from .read import Release, ingest_release, read_release, write_release
from .stored import existing_store

__all__ = ["Release", "existing_store", "ingest_release", "read_release", "write_release"]
