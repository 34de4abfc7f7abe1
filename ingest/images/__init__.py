"""Real images into the store: the job that merges them with what is there, their owners and their rights."""

from .job import check_collection, ingest_images, list_items
from .owned_source import OwnedSource
from .owners import OwnerTable, read_owners
from .request import SourceOnNodes, SourceRequest
from .sources import SOURCES, ImageRecord, ImageSource, Unreadable, open_source, parse_columns
from .summary import IngestSummary
from .update import UpdateSummary, update_images

__all__ = [
    "SOURCES",
    "ImageRecord",
    "ImageSource",
    "IngestSummary",
    "OwnedSource",
    "OwnerTable",
    "SourceOnNodes",
    "SourceRequest",
    "Unreadable",
    "UpdateSummary",
    "check_collection",
    "ingest_images",
    "list_items",
    "open_source",
    "parse_columns",
    "read_owners",
    "update_images",
]
