"""Whether a model's tensors fit a base, by the shapes of the base's parts; no weights of it are loaded."""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...store import InvalidInputError
from ..customize.base import BaseGenerator
from ..customize.methods.textual_inversion import SINGLE_FILE_KEYS
from ..diffusion import silence_diffusers
from .model_file import ModelFile

KINDS = {
    "textual-inversion": ("world", "sd", "sdxl"),
    "custom-diffusion": ("world", "sd"),
    "lora": ("world", "sd", "sdxl", "sd3", "flux"),
}
"""By method, the kinds of base that its files are read for."""

NAME_THE_BASE = "name the base that it was trained on: --base"
EMBEDDING = "token_embedding.weight"


@dataclass(frozen=True)
class BaseShapes:
    """The parts of the base called `name`, without the memory of their weights."""

    name: str
    base: BaseGenerator

    @cached_property
    def unet(self) -> Any:
        """The UNet."""
        return self.part("unet")

    @property
    def pipeline_class(self) -> Any:
        """The class of the base's pipeline, which knows how to load files for it."""
        import diffusers

        return getattr(diffusers, self._index["_class_name"])

    @cached_property
    def _index(self) -> dict[str, Any]:
        text = (Path(self.base.folder) / "model_index.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found

    def has_part(self, name: str) -> bool:
        """Whether the pipeline has a part of this name."""
        return bool((self._index.get(name) or [None])[0])

    @cached_property
    def embedding_widths(self) -> list[int]:
        """The length of a token's embedding in each text encoder that V* can be learned in."""
        names = [name for name in ("text_encoder", "text_encoder_2") if self.has_part(name)]
        parameters = [self.part(name).named_parameters() for name in names]
        return [int(value.shape[1]) for one in parameters for name, value in one if name.endswith(EMBEDDING)]

    def part(self, name: str) -> Any:
        """A part of the pipeline by name, of the class that `model_index.json` says; its weights are 0."""
        import torch

        silence_diffusers()
        import diffusers
        import transformers

        folder = Path(self.base.folder)
        library, kind = self._index[name]
        found = getattr(diffusers if library == "diffusers" else transformers, kind)
        without_memory: AbstractContextManager[Any] = torch.device("meta")
        with without_memory:
            if library == "diffusers":
                made = found.from_config(found.load_config(folder / name))
            else:
                made = found(found.config_class.from_pretrained(folder / name))
        return _with_zeros(made)

    def check(self, file: ModelFile) -> None:
        """Raise InvalidInputError that names tensor and base where the model is of another base."""
        kinds = KINDS[file.method]
        if self.base.kind not in kinds:
            raise InvalidInputError(
                f"{file.path} is a file of {file.method}, which is not read for {self.name}: its kind is "
                f"{self.base.kind}, not {' or '.join(kinds)}",
                hint=NAME_THE_BASE,
            )
        if file.method == "textual-inversion":
            self._check_embeddings(file)
        elif file.method == "custom-diffusion":
            self._check_projections(file)

    def _check_embeddings(self, file: ModelFile) -> None:
        widths = self.embedding_widths
        names = SINGLE_FILE_KEYS if len(widths) > 1 else [file.token]
        if set(file.tensors) != set(names):
            wanted = f"there {'are' if len(widths) > 1 else 'is'} {len(widths)} to embed for"
            raise misfit_error(file.path, self.name, f"it is for {len(file.tensors)} text encoders", wanted)
        for name, width in zip(names, widths, strict=True):
            tensor = file.tensors[str(name)]
            if tensor.shape[-1] != width:
                shape = f"{name} is {tuple(tensor.shape)}"
                raise misfit_error(file.path, self.name, shape, f"it is (vectors, {width})")

    def _check_projections(self, file: ModelFile) -> None:
        """K and V of every cross-attention, whole or as a product, and nothing else."""
        from ..customize.kinds.stable_diffusion import KV
        from ..customize.weights import DOWN, TOKEN_KEY, UP

        tensors, (width,) = dict(file.tensors), self.embedding_widths
        token = tensors.pop(TOKEN_KEY)
        if len(token) != width:
            raise misfit_error(
                file.path, self.name, f"{file.token} is {tuple(token.shape)}", f"it is ({width},)"
            )
        wanted = {
            name: tuple(value.shape)
            for name, value in self.unet.named_parameters()
            if any(key in name for key in KV)
        }
        for name, shape in wanted.items():
            if name + UP in tensors and name + DOWN in tensors:
                up, down = tensors.pop(name + UP), tensors.pop(name + DOWN)
                found = (up.shape[0], down.shape[1]) if up.shape[1] == down.shape[0] else tuple(up.shape)
            elif name in tensors:
                found = tuple(tensors.pop(name).shape)
            else:
                raise misfit_error(file.path, self.name, f"it lacks {name}", f"that is {shape}")
            if found != shape:
                raise misfit_error(file.path, self.name, f"{name} is {found}", f"it is {shape}")
        if tensors:
            name = min(tensors)
            raise misfit_error(
                file.path,
                self.name,
                f"{name} is {tuple(tensors[name].shape)}",
                "it is no K or V of cross-attention",
            )


def misfit_error(path: Path, base: str, found: str, wanted: str) -> InvalidInputError:
    """The error for a model of another base: what tensor was `found`, and what is in the base instead."""
    return InvalidInputError(f"{path} does not fit {base}: {found}, in {base} {wanted}", hint=NAME_THE_BASE)


def _with_zeros(part: Any) -> Any:
    """The part on the CPU with tensors of the same shapes that are one 0 each: layers can be added to it."""
    import torch

    for module in part.modules():
        for tensors in (module._parameters, module._buffers):
            for name, value in tensors.items():
                if value is not None:
                    zeros = torch.zeros((), dtype=value.dtype).expand(value.shape)
                    is_parameter = isinstance(value, torch.nn.Parameter)
                    tensors[name] = torch.nn.Parameter(zeros, requires_grad=False) if is_parameter else zeros
    return part
