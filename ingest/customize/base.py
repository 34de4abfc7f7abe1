"""The base generator of a customization: its folder, the id of its contents, whether it is supported."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...store import InvalidInputError, NotFoundError, key_id
from ..world import WORLD_NAME, model_path

PARTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SUPPORTED = "use a Stable Diffusion 1.x or 2.x pipeline in diffusers' layout, or `world`"


@dataclass(frozen=True)
class BaseGenerator:
    """A base on disk: its folder, and the id of its contents."""

    folder: str
    base_id: str

    @classmethod
    def find(cls, base: str) -> "BaseGenerator":
        """The base called `base`, see `resolve_base` for names and errors."""
        folder = resolve_base(base)
        return cls(str(folder), fingerprint(folder))


def resolve_base(base: str) -> Path:
    """The folder of `base`: the embedded world, a local folder, or a hub id (downloaded once).

    Raises NotFoundError when there is no such base, InvalidInputError when it cannot be customized.
    """
    if base == WORLD_NAME:
        folder = model_path()
    elif Path(base).is_dir():
        folder = Path(base)
    elif _HUB_ID.fullmatch(base) and not base.startswith("."):
        folder = _download(base)
    else:
        raise NotFoundError(f"there is no base model {base!r}", hint=_SUPPORTED)
    check_layout(folder, base)
    return folder


def check_layout(folder: Path, base: str) -> None:
    """Raise InvalidInputError unless `folder` holds a text-conditioned UNet with cross-attention.

    Reads only the small JSON files.
    """
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing or not (folder / "model_index.json").is_file():
        what = ", ".join(missing) or "model_index.json"
        raise InvalidInputError(
            f"{base} is not a Stable Diffusion pipeline: it lacks {what}", hint=_SUPPORTED
        )
    if "text_encoder_2" in _read_json(folder / "model_index.json"):
        raise InvalidInputError(
            f"{base} has two text encoders (SDXL), which is not supported", hint=_SUPPORTED
        )
    config = _read_json(folder / "unet" / "config.json")
    blocks = [
        config.get("mid_block_type"),
        *config.get("down_block_types", ()),
        *config.get("up_block_types", ()),
    ]
    if not any("CrossAttn" in str(block) and "Simple" not in str(block) for block in blocks):
        raise no_cross_attention_error(base)


def no_cross_attention_error(base: str) -> InvalidInputError:
    """The error for a UNet without text conditioning by cross-attention."""
    return InvalidInputError(
        f"{base} has no cross-attention, so there are no K and V projections to customize", hint=_SUPPORTED
    )


def fingerprint(folder: Path) -> str:
    """The id of a base's contents, from its files' relative names and hashes: a copy has the same id."""
    files = [path for part in PARTS for path in sorted((folder / part).rglob("*")) if path.is_file()]
    return key_id(
        [(path.relative_to(folder).as_posix(), _file_sha256(path, path.stat().st_mtime_ns)) for path in files]
    )


@lru_cache(maxsize=256)
def _file_sha256(path: Path, modified: int) -> str:
    del modified  # only part of the cache key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", hint=_SUPPORTED) from error
    return value


def _download(base: str) -> Path:
    from diffusers import DiffusionPipeline

    try:
        return Path(DiffusionPipeline.download(base))
    except (OSError, ValueError) as error:
        raise NotFoundError(
            f"base model {base!r} is neither a folder nor on the hub: {error}",
            hint="check the name and the network, or give a local folder",
        ) from error
