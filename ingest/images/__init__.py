"""Images of folders, tables and the embedded world, and what tables of owners say of them."""

from .columns import parse_columns
from .job import ingest_images, list_items
from .owned_source import OwnedSource
from .owners import OwnerTable, read_owners
from .registry import SOURCES, open_source
from .source import ImageRecord, ImageSource, Unreadable
from .summary import IngestSummary
from .update import UpdateSummary, update_images

__all__ = [
    "SOURCES",
    "ImageRecord",
    "ImageSource",
    "IngestSummary",
    "OwnedSource",
    "OwnerTable",
    "Unreadable",
    "UpdateSummary",
    "ingest_images",
    "list_items",
    "open_source",
    "parse_columns",
    "read_owners",
    "update_images",
]
