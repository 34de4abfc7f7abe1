"""What the files of a model hold, in the form in which models of its method are stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...store import InvalidInputError

HINT = "docs/models.md lists the files that are read"


@dataclass(frozen=True)
class ModelFile:
    """One model in memory, as it was trained elsewhere.

    Attributes:
        path: its main file.
        method: how it was trained: 'textual-inversion', 'custom-diffusion' or 'lora'.
        tensors: what `models.weights` holds of a model of this method.
        files: (name, sha256) of each file, the main one first.
        token: the name of its token in the tokenizer of those who trained it; None without one.
        settings: what prompts need to know of it, as `models.config` has it (`vectors`, `word`).
        about: what its files say of the training.
        metadata: of the stored weights, beside what all models of the method have.
    """

    path: Path
    method: str
    tensors: Mapping[str, Any]
    files: tuple[tuple[str, str], ...]
    token: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def no_model_error(path: Path, what: str) -> InvalidInputError:
    """The error for a file that is no model which is read here; `what` continues the sentence."""
    return InvalidInputError(f"{path} {what}", hint=HINT)
