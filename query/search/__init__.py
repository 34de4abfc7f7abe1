"""Search: the images of a space that are most similar to a vector, exactly or through a measured index."""

from .pool import POOLS, Pool
from .space import Found, IndexFacts, SearchSpace

__all__ = ["POOLS", "Found", "IndexFacts", "Pool", "SearchSpace"]
