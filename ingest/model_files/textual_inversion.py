"""Files of textual inversion: diffusers' `learned_embeds`, and embeddings of AUTOMATIC1111's web UI.

learned_embeds.safetensors, .bin   {"<cat-toy>": (hidden,) or (vectors, hidden)}
NAME.pt                            {"string_to_param": {"*": (vectors, hidden)}, "name": NAME, ...}
NAME.safetensors                   {"emb_params": (vectors, hidden)}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...store import InvalidInputError
from ..customize.methods.textual_inversion import SINGLE_FILE_KEYS
from ..customize.tensor_file import TensorFile
from .model_file import ModelFile, no_model_error

EMBEDDING = "string_to_param"
UNNAMED = "emb_params"
ABOUT = ("step", "sd_checkpoint", "sd_checkpoint_name")
"""What the web UI says of the training."""


def is_textual_inversion(file: TensorFile) -> bool:
    """Whether the file holds embeddings of tokens alone."""
    tensors = file.tensors
    if EMBEDDING in file.content or set(tensors) == set(SINGLE_FILE_KEYS):
        return True
    return 0 < len(tensors) == len(file.content) and all(
        value.ndim <= 2 and "." not in name.strip("<>") for name, value in tensors.items()
    )


def read_textual_inversion(path: Path, file: TensorFile, trigger: str | None) -> ModelFile:
    """The embedding by the name of its token; of two text encoders both, by their names in the file.

    Raises InvalidInputError for a file of several tokens, or of another token than `trigger`.
    """
    if set(file.tensors) == set(SINGLE_FILE_KEYS):
        token, found = path.stem, {name: file.tensors[name] for name in SINGLE_FILE_KEYS}
    else:
        token, vectors = _embedding(path, file)
        found = {token: vectors}
        if trigger not in (None, token):
            raise InvalidInputError(
                f"{path} holds the token {token}, not {trigger!r}",
                hint="leave --trigger out: the file says it",
            )
    rows = {name: one.detach().reshape(-1, one.shape[-1]).contiguous() for name, one in found.items()}
    return ModelFile(
        path=path,
        method="textual-inversion",
        tensors=rows,
        files=((path.name, file.sha256),),
        token=token,
        settings={"vectors": len(next(iter(rows.values())))},
        about={name: file.content[name] for name in ABOUT if _is_plain(file.content.get(name))},
    )


def _embedding(path: Path, file: TensorFile) -> tuple[str, Any]:
    """The token's name, and its vectors."""
    tensors: Mapping[str, Any] = file.tensors
    if EMBEDDING in file.content:
        found = file.content[EMBEDDING]
        values = list(found.values()) if isinstance(found, Mapping) else []
        if len(values) != 1 or not hasattr(values[0], "ndim") or not 0 < values[0].ndim <= 2:
            raise no_model_error(path, f"has {len(values)} embeddings under {EMBEDDING}, not one")
        name = file.content.get("name")
        return (name if isinstance(name, str) and name else path.stem), values[0]
    if len(tensors) != 1:
        names = ", ".join(sorted(tensors)[:3])
        raise no_model_error(path, f"holds embeddings of {len(tensors)} tokens: {names}; one is needed")
    token, vectors = next(iter(tensors.items()))
    if not vectors.ndim:
        raise no_model_error(path, f"holds a single number for {token}, not an embedding")
    return (path.stem if token == UNNAMED else token), vectors


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
