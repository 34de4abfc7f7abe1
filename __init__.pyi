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
from .version import __version__

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
