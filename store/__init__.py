"""The store: Lance tables, their schemas, ids, jobs and upkeep. Only this package imports lance."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
