"""The service: one FastAPI app over one store, for other programs and for the page."""

from .app import create_app
from .options import ServiceOptions

__all__ = ["ServiceOptions", "create_app"]
