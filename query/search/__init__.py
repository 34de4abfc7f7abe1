"""Search: the images of a space that are most similar to a vector, exactly or through a measured index."""

from .index import IndexFacts
from .pool import POOLS, Pool
from .space import SearchSpace
from .topk import Found

__all__ = ["POOLS", "Found", "IndexFacts", "Pool", "SearchSpace"]
