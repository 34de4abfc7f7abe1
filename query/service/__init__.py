"""The HTTP service: one FastAPI application over one store, for other programs and for its web page."""

from .app import create_app
from .options import ServiceOptions

__all__ = ["ServiceOptions", "create_app"]
