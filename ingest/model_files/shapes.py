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

    @property
    def unet_config(self) -> Any:
        """The UNet's settings; None where the base has another network."""
        return self.unet.config if self.has_part("unet") else None

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
        library, kind = self._index[name]
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
                raise misfit_error(
                    file.path,
                    self.name,
                    f"{name} is {tuple(tensor.shape)}",
                    f"it is (vectors, {self.embedding_width})",
                )

    def _check_projections(self, file: ModelFile) -> None:
        """K and V of every cross-attention, whole or as a product, and nothing else."""
        from ..customize.kinds.stable_diffusion import KV
        from ..customize.weights import DOWN, TOKEN_KEY, UP

        tensors = dict(file.tensors)
        token = tensors.pop(TOKEN_KEY)
        if len(token) != self.embedding_width:
            raise misfit_error(
                file.path,
                self.name,
                f"{file.token} is {tuple(token.shape)}",
                f"it is ({self.embedding_width},)",
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
