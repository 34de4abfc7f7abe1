"""Search: the images of a space that are most similar to a vector, exactly or through a measured index."""

from .facts import IndexFacts
from .found import Found
from .pool import POOLS, Pool
from .space import SearchSpace

__all__ = ["POOLS", "Found", "IndexFacts", "Pool", "SearchSpace"]
