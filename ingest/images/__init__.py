"""Images from folders, tables and the embedded world into the store."""

from .job import ingest_images
from .source import ImageRecord, ImageSource, Unreadable
from .sources import SOURCES, open_source

__all__ = ["SOURCES", "ImageRecord", "ImageSource", "Unreadable", "ingest_images", "open_source"]
