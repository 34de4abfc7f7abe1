"""Readers of images where people have them: folders, tables, archives, remote datasets, the world."""

from .columns import parse_columns
from .registry import SOURCES, open_source
from .source import ImageRecord, ImageSource, Unreadable

__all__ = ["SOURCES", "ImageRecord", "ImageSource", "Unreadable", "open_source", "parse_columns"]
