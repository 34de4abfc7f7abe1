"""The methods of customization: how a base becomes a model of its exemplars, one file each."""

from collections.abc import Mapping
from types import MappingProxyType

from ....store import InvalidInputError
from .captioned import Captioned, CaptionedConfig
from .custom_diffusion import CustomDiffusion, CustomizeConfig
from .dreambooth import Dreambooth, DreamboothConfig, DreamboothLora, DreamboothLoraConfig
from .lora import Lora, LoraConfig
from .method import Method, ParameterGroup
from .textual_inversion import TextualInversion, TextualInversionConfig

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            CustomDiffusion(),
            TextualInversion(),
            Lora(),
            DreamboothLora(),
            Dreambooth(),
            Captioned(),
        )
    }
)
"""Every method by its name."""

__all__ = [
    "METHODS",
    "CaptionedConfig",
    "CustomizeConfig",
    "DreamboothConfig",
    "DreamboothLoraConfig",
    "LoraConfig",
    "Method",
    "ParameterGroup",
    "TextualInversionConfig",
    "find_method",
]


def find_method(name: str) -> Method:
    """The method called `name`. Raises InvalidInputError that lists the known ones."""
    if name not in METHODS:
        raise InvalidInputError(
            f"there is no method {name!r} to customize with", hint=f"use one of {', '.join(METHODS)}"
        )
    return METHODS[name]
