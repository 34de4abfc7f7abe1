"""Recognises a file of a model by what it holds, and reads it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ...store import InvalidInputError
from ..customize.tensor_file import TensorFile, read_tensor_file
from .custom_diffusion import is_custom_diffusion, read_custom_diffusion
from .lora import is_lora, read_lora
from .model_file import ModelFile, no_model_error
from .shapes import BaseShapes
from .textual_inversion import is_textual_inversion, read_textual_inversion

SAME: Mapping[str, tuple[str, ...]] = {"lora": ("dreambooth-lora",)}
"""By the method that a file shows, others that its models may have been trained by."""

CHECKPOINT = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.", "conditioner.")
"""Beginnings of names in a whole base in one file, and in `delta.ckpt` of Custom Diffusion's first code."""


def read_model_file(
    path: Path, shapes: BaseShapes, *, trigger: str | None = None, method: str | None = None
) -> ModelFile:
    """The model in a file.

    Args:
        path: its main file.
        shapes: of the base that it was trained on.
        trigger: the word or token by which prompts name the concept.
        method: how it was trained, where that is known.

    Raises:
        DataError: a file that holds code, is cut, or no tensors.
        InvalidInputError: a file of no kind that is read here, of another method, or of another base.
    """
    file = read_tensor_file(path)
    found = (
        read_lora(path, file, trigger, shapes) if is_lora(file) else _reader(path, file)(path, file, trigger)
    )
    if method not in (None, found.method, *SAME.get(found.method, ())):
        raise InvalidInputError(
            f"{path} is a file of {found.method}, not of {method}",
            hint=f"leave --method out, or say {found.method}",
        )
    shapes.check(found)
    return found


def _reader(path: Path, file: TensorFile) -> Callable[[Path, TensorFile, str | None], ModelFile]:
    if is_custom_diffusion(file):
        return read_custom_diffusion
    names = [
        *file.content,
        *(name for one in file.content.values() if isinstance(one, Mapping) for name in one),
    ]
    if any(str(name).startswith(CHECKPOINT) for name in names):
        raise no_model_error(path, "holds weights of a whole base, not what training changed")
    if is_textual_inversion(file):
        return read_textual_inversion
    some = ", ".join(list(file.content)[:2]) or "nothing"
    raise no_model_error(path, f"is no model of a method that is known here: it holds {some}")
