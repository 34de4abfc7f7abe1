"""Attribase: an attribution database for text-to-image models.

Which training images made this picture, how much did each contribute, and how far can that answer be
trusted: kept in Lance tables, asked in SQL. Implements "Evaluating Data Attribution for Text-to-Image
Models" (ICCV 2023, arXiv:2306.09345).

    import attribase
    answer = attribase.attribute("my.store", "sunset.png", k=5)
    answer.to_polars()
    attribase.connect("my.store").sql("from metrics").show()
"""

from importlib.metadata import PackageNotFoundError, version

from .query import (
    Answer,
    OwnerShare,
    Question,
    Request,
    Result,
    Session,
    attribute,
    attribute_many,
    connect,
    similar_text,
)
from .store import AttribaseError, Store

try:
    __version__ = version("attribase")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "Answer",
    "AttribaseError",
    "OwnerShare",
    "Question",
    "Request",
    "Result",
    "Session",
    "Store",
    "__version__",
    "attribute",
    "attribute_many",
    "connect",
    "similar_text",
]
