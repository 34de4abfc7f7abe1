"""Whether a model's tensors fit a base, by the shapes of the base's parts; no weights of it are loaded."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...store import InvalidInputError
from ..customize.base import BaseGenerator
from ..diffusion import silence_diffusers
from .model_file import ModelFile

NAME_THE_BASE = "name the base that it was trained on: --base"
EMBEDDING = "token_embedding.weight"


@dataclass(frozen=True)
class BaseShapes:
    """The parts of the base called `name`, on torch's device without memory."""

    name: str
    base: BaseGenerator

    @cached_property
    def unet(self) -> Any:
        """The UNet."""
        return self.part("unet")

    @cached_property
    def embedding_width(self) -> int:
        """The length of a token's embedding."""
        parameters = self.part("text_encoder").named_parameters()
        return next(int(value.shape[1]) for name, value in parameters if name.endswith(EMBEDDING))

    def part(self, name: str) -> Any:
        """A part of the pipeline by its name, of the class that `model_index.json` says."""
        import torch

        silence_diffusers()
        import diffusers
        import transformers

        folder = Path(self.base.folder)
        library, kind = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))[name]
        found = getattr(diffusers if library == "diffusers" else transformers, kind)
        without_memory: AbstractContextManager[Any] = torch.device("meta")
        with without_memory:
            if library == "diffusers":
                return found.from_config(found.load_config(folder / name))
            return found(found.config_class.from_pretrained(folder / name))

    def check(self, file: ModelFile) -> None:
        """Raise InvalidInputError that names tensor and base where the model is of another base."""
        if file.method == "textual-inversion":
            self._check_embeddings(file, file.tensors)
        elif file.method == "custom-diffusion":
            self._check_projections(file)

    def _check_embeddings(self, file: ModelFile, tensors: Mapping[str, Any]) -> None:
        for name, tensor in tensors.items():
            if tensor.shape[-1] != self.embedding_width:
                raise self.misfit(
                    file, f"{name} is {tuple(tensor.shape)}", f"it is (vectors, {self.embedding_width})"
                )

    def _check_projections(self, file: ModelFile) -> None:
        """K and V of every cross-attention, whole or as a product, and nothing else."""
        from ..customize.generator import KV
        from ..customize.weights import DOWN, TOKEN_KEY, UP

        tensors = dict(file.tensors)
        token = tensors.pop(TOKEN_KEY)
        if len(token) != self.embedding_width:
            raise self.misfit(
                file, f"{file.token} is {tuple(token.shape)}", f"it is ({self.embedding_width},)"
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
                raise self.misfit(file, f"it lacks {name}", f"that is {shape}")
            if found != shape:
                raise self.misfit(file, f"{name} is {found}", f"it is {shape}")
        if tensors:
            name = min(tensors)
            raise self.misfit(
                file, f"{name} is {tuple(tensors[name].shape)}", "it is no K or V of cross-attention"
            )

    def misfit(self, file: ModelFile, found: str, wanted: str) -> InvalidInputError:
        """The error for a model of another base."""
        return InvalidInputError(
            f"{file.path} does not fit {self.name}: {found}, in {self.name} {wanted}", hint=NAME_THE_BASE
        )
