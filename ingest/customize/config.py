"""Settings of a customization that work for a base: each method's defaults, at the base's own resolution."""

from typing import Any

from ...store import InvalidInputError
from ..world import WORLD_NAME
from .base import find_local, free_token
from .layout import base_kind, native_resolution
from .methods import CustomizeConfig, find_method
from .settings import AUGMENTATIONS, CATEGORY, Settings, TrainingConfig

__all__ = ["AUGMENTATIONS", "CATEGORY", "CustomizeConfig", "Settings", "TrainingConfig", "defaults_for"]


def defaults_for(base: str, method: str = CustomizeConfig.method) -> Any:
    """Settings of `method` that work for `base`: `world`, or a pipeline of a kind that the method takes.

    For other bases than `world`: the method's defaults, the resolution that the base was trained on, and a
    name for V* that its vocabulary does not have. Of a hub id that is not here yet: 512 pixels and <new1>.

    Raises InvalidInputError for an unknown method, or a kind of base that it does not take.
    """
    found = find_method(method)
    if base == WORLD_NAME:
        return found.config(base, **found.defaults["world"])
    folder = find_local(base)
    if folder is None or not (folder / "model_index.json").is_file():
        return found.config(base, **found.defaults["sd"])
    kind = base_kind(folder)
    if kind not in found.defaults:
        raise InvalidInputError(
            f"{method} does not customize {base}, which is of the kind {kind}",
            hint=f"it takes {', '.join(found.defaults)}; docs/methods.md has a table",
        )
    settings = {**found.defaults[kind], "resolution": native_resolution(folder)}
    if found.learns_token:
        settings["modifier_token"] = free_token(folder)
    return found.config(base, **settings)
