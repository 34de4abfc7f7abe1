"""Embedding: the raw features of images and samples, and of the augmented views that training draws from."""

from .captions import Captions
from .job import embed
from .views import embed_views

__all__ = ["Captions", "embed", "embed_views"]
