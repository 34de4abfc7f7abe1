"""Networks published as TorchScript, loaded after their code was checked.

A TorchScript file holds a program as text, in a language smaller than Python. It is refused when it could
touch the disk or run while it is loaded.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

FORBIDDEN = re.compile(r"\b(save|from_file|__setstate__)\b")
NAMESPACE = re.compile(r"\bops\s*\.\s*(\w+)")
KNOWN_NAMESPACES = {"prim", "aten"}
"""Others belong to libraries that may not be installed."""

PROBE = (2, 3)
"""Batch sizes that a network is tried with."""


def is_torchscript(path: Path) -> bool:
    """Whether `path` is a TorchScript archive, judged by its layout."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return any(name.endswith("/constants.pkl") for name in names) and any("/code/" in name for name in names)


def load_torchscript(path: Path) -> torch.jit.ScriptModule:
    """The network in `path`, in evaluation mode. Raises ValueError for another or an unsafe file."""
    import torch

    if not is_torchscript(path):
        raise ValueError("it is no TorchScript archive")
    _check_source(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, but published files stay as they are
        network: torch.jit.ScriptModule = torch.jit.load(  # type: ignore[no-untyped-call]
            path, map_location="cpu"
        )
    network.eval()
    network.training = False  # the exporter reads it, and a frozen network has no such attribute
    for parameter in network.parameters():  # `network.requires_grad_` fails on a script module
        parameter.requires_grad_(False)
    return network


def feature_width(network: torch.nn.Module, size: int) -> int:
    """Dimensions of the features that `network` returns for (images, 3, size, size), tried on noise.

    Raises ValueError when it returns something else, or when a feature depends on the rest of its batch.
    """
    import torch

    few, more = PROBE
    noise = torch.rand(more, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        one, other = network(noise[:few]), network(noise)
    if not isinstance(other, torch.Tensor) or other.ndim != 2 or len(other) != more or len(one) != few:
        what = tuple(other.shape) if isinstance(other, torch.Tensor) else type(other).__name__
        raise ValueError(f"of {more} images it makes {what}, not ({more}, dim)")
    if not torch.allclose(one, other[:few], rtol=1e-3, atol=1e-4):
        raise ValueError(
            "an image's feature depends on the others in its batch: it was not saved for inference"
        )
    return int(other.shape[1])


def _check_source(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        sources = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")]
    for source in sources:
        found = FORBIDDEN.search(source)
        if found:
            raise ValueError(f"its code uses {found.group(1)}, which no encoder needs")
        foreign = set(NAMESPACE.findall(source)) - KNOWN_NAMESPACES
        if foreign:
            raise ValueError(f"its code needs operators of {sorted(foreign)[0]}, which torch does not have")
