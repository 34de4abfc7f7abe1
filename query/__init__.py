"""Queries of a store: SQL, evaluation, attribution with influence, search, reports and the service.

Writes nothing but ranks, and what was measured of indexes. Imports neither `ingest` nor `train`, and no
torch; DuckDB and the ONNX runtime are loaded by the first call that needs them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
