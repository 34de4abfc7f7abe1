"""Search: the images of a space that are most similar to a vector, exactly or through a measured index."""

from .index import IndexRecord
from .pool import Pool
from .pool_members import POOLS
from .space import METHODS, SearchSpace
from .topk import Neighbours

__all__ = ["METHODS", "POOLS", "IndexRecord", "Neighbours", "Pool", "SearchSpace"]
