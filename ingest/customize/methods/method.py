"""What a method of customization is: its settings, what trains, how what changed is stored and put back."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from ..settings import TrainingConfig

if TYPE_CHECKING:
    from torch import Tensor

    from ...specs import ModelSpec
    from ..kinds.loaded import LoadedGenerator

ABOUT = "attribase"
"""The entry of the metadata that is ours."""

ParameterGroup: TypeAlias = dict[str, Any]
"""`params`, `lr` and `weight_decay` of an optimiser."""


class Method(ABC):
    """One way to add exemplars to a base. Importing a method loads no torch; its functions do.

    Attributes:
        name: as plans and `models.method` hold it.
        config: its settings.
        defaults: settings by the kind of base; the kinds are those that the method takes.
        learns_token: whether `V*` is a new token with an embedding that trains.
    """

    name: ClassVar[str]
    config: ClassVar[type[TrainingConfig]]
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]]
    learns_token: ClassVar[bool] = False

    def place_token(self, generator: LoadedGenerator, config: Any) -> None:
        """Let `V*` become what the settings say in the prompts that the generator reads from now on."""
        generator.placeholder = self.placeholder(config.to_dict(), generator.token) or generator.token

    def placeholder(self, settings: Mapping[str, Any], token: str) -> str | None:
        """What `V*` becomes in prompts, where `token` is its name in the tokenizer; None without `V*`.

        settings: of the model, as its row holds them.
        """
        return token if self.learns_token else settings.get("word")

    def settings_for(self, spec: ModelSpec, config: Any) -> Any:
        """What the model of `spec` is trained with: the settings that were given, or ones for its size."""
        del spec
        return config

    @abstractmethod
    def training(
        self, generator: LoadedGenerator, spec: ModelSpec, config: Any
    ) -> AbstractContextManager[list[ParameterGroup]]:
        """A context in which the method's parameters have gradients; it yields them for an optimiser.

        When it ends without an error, the generator is the trained model.
        """

    @abstractmethod
    def extract(self, generator: LoadedGenerator, config: Any) -> dict[str, Tensor]:
        """The tensors to store of a trained model, on the CPU: only what changed.

        Raises AttribaseError when training diverged or changed nothing.
        """

    @abstractmethod
    def apply(
        self, generator: LoadedGenerator, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> None:
        """Make the base in memory the model that was stored as `tensors`, whatever it was before.

        metadata: that of the stored file, see `metadata`.

        Raises InvalidInputError when they belong to another base.
        """

    def metadata(self, config: Any, base_id: str, tensors: Mapping[str, Tensor]) -> dict[str, str]:
        """The metadata of the stored file: enough to use it without its row of `models`.

        One entry, because safetensors writes several in any order and equal weights must give equal bytes.
        """
        del tensors
        about = {"modifier_token": config.token, "base_id": base_id}
        return {ABOUT: json.dumps(about, sort_keys=True)}


def stored_about(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What `Method.metadata` wrote; empty where there is none."""
    try:
        found = json.loads(metadata.get(ABOUT, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
