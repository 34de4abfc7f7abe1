"""Files of tensors that others wrote: safetensors, or pickles that are read without running code."""

import hashlib
import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...store import DataError, InvalidInputError
from ..diffusion_files import check_file

ASK_FOR_SAFETENSORS = "such a file could run code when it is opened; ask for safetensors"
CHECK_THE_FILE = "download it again, or name the file of the model"
PICKLED = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError)
"""What torch raises for a pickle that holds code, or that is cut or none."""

PICKLES = (b"PK\x03\x04", b"\x80")
"""What files of torch begin with: a zip, or a pickle as it was written before that."""


@dataclass(frozen=True)
class TensorFile:
    """One file in memory.

    Attributes:
        content: tensors by name; a pickle may hold dictionaries, numbers and texts beside them.
        metadata: texts by name, of safetensors alone.
        sha256: of its bytes.
    """

    content: Mapping[str, Any]
    metadata: Mapping[str, str]
    sha256: str

    @property
    def tensors(self) -> dict[str, Any]:
        """The tensors at its top, by name."""
        import torch

        return {name: value for name, value in self.content.items() if isinstance(value, torch.Tensor)}


def read_tensor_file(path: Path) -> TensorFile:
    """The tensors of a file, whatever its ending: diffusers writes safetensors under the name `.bin`, too.

    Raises DataError for a file that holds code, is cut, or holds no dictionary; InvalidInputError where it
    cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    check_file(path, path.as_posix())
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read: {error.strerror or error}", hint=CHECK_THE_FILE
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return TensorFile(load(data), header.get("__metadata__", {}), digest)
    except (SafetensorError, ValueError, RecursionError, AttributeError) as error:
        if data.startswith(PICKLES):
            return TensorFile(_read_pickle(path), {}, digest)
        raise DataError(
            f"{path} is neither safetensors nor a file of torch: {_line(error)}", hint=CHECK_THE_FILE
        ) from error


def _read_pickle(path: Path) -> Mapping[str, Any]:
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except PICKLED as error:
        raise DataError(
            f"{path} holds something other than tensors: {_line(error)}", hint=ASK_FOR_SAFETENSORS
        ) from error
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no whole file of torch: {_line(error)}", hint=CHECK_THE_FILE) from error
    if isinstance(content, torch.Tensor):
        return {path.stem: content}
    if not isinstance(content, Mapping):
        raise DataError(f"{path} is not a dictionary of tensors", hint=CHECK_THE_FILE)
    return {str(name): value for name, value in content.items()}


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
