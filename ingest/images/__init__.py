"""Images from folders, tables and the embedded world into the store."""

from .columns import parse_columns
from .job import ingest_images
from .registry import SOURCES, open_source
from .source import ImageRecord, ImageSource, Unreadable

__all__ = [
    "SOURCES",
    "ImageRecord",
    "ImageSource",
    "Unreadable",
    "ingest_images",
    "open_source",
    "parse_columns",
]
