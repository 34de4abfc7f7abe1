"""LanceDB's remote protocol, as the stock client of lancedb 0.40 speaks it: reading only."""

from .routes import router

__all__ = ["router"]
