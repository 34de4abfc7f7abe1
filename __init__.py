"""Attribase: an attribution database for text-to-image models.

Which training images made this picture, how much did each contribute, and how far can that answer be
trusted: kept in Lance tables, asked in SQL. Implements "Evaluating Data Attribution for Text-to-Image
Models" (ICCV 2023, arXiv:2306.09345).

    import attribase
    store = attribase.Store.open("my.store")
    attribase.connect("my.store").sql("from metrics").show()
    attribase.attribute(store, "sunset.png", k=5)
"""

from importlib.metadata import PackageNotFoundError, version

from .query import attribute, connect
from .store import AttribaseError, Store

try:
    __version__ = version("attribase")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["AttribaseError", "Store", "__version__", "attribute", "connect"]
