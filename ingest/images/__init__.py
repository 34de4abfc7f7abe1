"""Images from folders, tables and the embedded world into the store."""

from .columns import parse_columns
from .job import ingest_images, list_items
from .registry import SOURCES, open_source
from .source import ImageRecord, ImageSource, Unreadable
from .summary import IngestSummary

__all__ = [
    "SOURCES",
    "ImageRecord",
    "ImageSource",
    "IngestSummary",
    "Unreadable",
    "ingest_images",
    "list_items",
    "open_source",
    "parse_columns",
]
