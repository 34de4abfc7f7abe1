"""Pandas stays out of a command until something imports it: it takes longer to load than Lance.

pyarrow.dataset, which Lance imports, makes a scalar, and pyarrow looks for pandas when it makes its first.
Where pandas is installed (the extra `map` needs it), every command would load it. Here it is not found while
pyarrow.dataset is imported. Where pandas is imported later, pyarrow looks for it again.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PANDAS, DATASET = "pandas", "pyarrow.dataset"


class LatePandas:
    """A finder of modules that changes how these two are loaded, each once."""

    def __init__(self) -> None:
        self._hidden = False
        self._left = {PANDAS, DATASET}

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module as others find it, with what surrounds its loading; None for all others."""
        if name == PANDAS and self._hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name not in self._left:
            return None
        self._left.remove(name)  # so that the search below does not come back here
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module
            wrapped = self._load_without_pandas if name == DATASET else _load_and_refresh_pyarrow
            setattr(spec.loader, "exec_module", lambda module: wrapped(load, module))  # noqa: B010
        return spec

    def _load_without_pandas(self, load: Callable[[ModuleType], Any], module: ModuleType) -> None:
        self._hidden = True
        try:
            load(module)
        finally:
            self._hidden = False


def _load_and_refresh_pyarrow(load: Callable[[ModuleType], Any], module: ModuleType) -> None:
    load(module)
    arrow = sys.modules.get("pyarrow.lib")
    if arrow is not None:
        arrow._pandas_api.version  # noqa: B018 - asked for pandas itself, pyarrow looks for it again


def leave_pandas_out() -> None:
    """From now on, for this process: what is loaded already stays."""
    if PANDAS not in sys.modules and DATASET not in sys.modules:
        sys.meta_path.insert(0, LatePandas())
