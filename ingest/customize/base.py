"""The base generator of a customization: its folder, the id of its contents, whether it is supported."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from ...store import InvalidInputError, NotFoundError, key_id
from ..diffusion_files import check_weights
from ..world import WORLD_NAME, model_path
from .single_file import convert_single_file, is_single_file, single_file_id

LATENT_CELLS = 64
"""`sample_size` of Stable Diffusion 1.x, where a base does not say its own."""

PARTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SUPPORTED = "use a Stable Diffusion 1.x or 2.x pipeline in diffusers' layout, a single file, or `world`"


@dataclass(frozen=True)
class BaseGenerator:
    """A base on disk: its folder, the id of its contents, its kind (see `base_kind`)."""

    folder: str
    base_id: str
    kind: str = "sd"

    @classmethod
    def find(cls, base: str) -> "BaseGenerator":
        """The base called `base`, see `resolve_base` for names and errors."""
        folder = resolve_base(base)
        base_id = single_file_id(Path(base)) if is_single_file(base) else fingerprint(folder)
        return cls(str(folder), base_id, WORLD_NAME if base == WORLD_NAME else base_kind(folder))


def resolve_base(base: str) -> Path:
    """The folder of `base`: the embedded world, a local folder, a single file (converted once) or a hub id
    (downloaded once).

    Raises NotFoundError when there is no such base, InvalidInputError when it cannot be customized.
    """
    if base == WORLD_NAME:
        folder = model_path()
    elif Path(base).is_dir():
        folder = Path(base)
    elif is_single_file(base):
        folder = convert_single_file(Path(base))
    elif _HUB_ID.fullmatch(base) and not base.startswith("."):
        folder = _download(base)
    else:
        raise NotFoundError(f"there is no base model {base!r}", hint=_SUPPORTED)
    check_layout(folder, base)
    return folder


def find_local(base: str) -> Path | None:
    """The folder of `base` where it is on this machine already, or None. Nothing is downloaded."""
    if base == WORLD_NAME:
        return model_path()
    if Path(base).is_dir():
        return Path(base)
    if is_single_file(base):
        return convert_single_file(Path(base))
    if not _HUB_ID.fullmatch(base) or base.startswith("."):
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(base, "model_index.json")
    return Path(found).parent if isinstance(found, str) else None


def base_kind(folder: Path) -> str:
    """The kind of base that methods know: 'sd' is Stable Diffusion 1.x and 2.x."""
    del folder
    return "sd"


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


def check_base(base: BaseGenerator, resolution: int) -> None:
    """Raise, before anything is loaded, where files are not whole or `resolution` does not fit the base."""
    folder = Path(base.folder)
    check_weights(folder)
    side = vae_reduction(folder)
    if resolution % side:
        raise InvalidInputError(
            f"a resolution of {resolution} is no multiple of {side}, the pixels of the base's latent cells",
            hint=f"use {max(1, round(resolution / side)) * side}",
        )


def native_resolution(folder: Path) -> int:
    """Pixels a side that the base was trained on: its UNet's `sample_size` times the VAE's reduction."""
    cells = _read_json(folder / "unet" / "config.json").get("sample_size")
    return (cells if isinstance(cells, int) else LATENT_CELLS) * vae_reduction(folder)


def vae_reduction(folder: Path) -> int:
    """Pixels a side of one latent cell: every block of the VAE but the last halves the picture."""
    blocks = _read_json(folder / "vae" / "config.json").get("block_out_channels") or [0] * 4
    return int(2 ** (len(blocks) - 1))


def free_token(folder: Path) -> str:
    """A name for V* that the base's vocabulary does not have: <new1>, else the next number that is free."""
    known = _vocabulary(folder / "tokenizer")
    return next(name for name in (f"<new{n}>" for n in count(1)) if name not in known)


def _vocabulary(tokenizer: Path) -> set[str]:
    """Every token that the files of a tokenizer name."""
    known: set[str] = set()
    for name in ("vocab.json", "added_tokens.json"):
        if (tokenizer / name).is_file():
            known |= set(_read_json(tokenizer / name))
    if (tokenizer / "tokenizer_config.json").is_file():
        added = _read_json(tokenizer / "tokenizer_config.json").get("added_tokens_decoder", {})
        known |= {one.get("content") for one in added.values()}
    if (tokenizer / "tokenizer.json").is_file():
        whole = _read_json(tokenizer / "tokenizer.json")
        known |= {one.get("content") for one in whole.get("added_tokens", ())}
        vocabulary = whole.get("model", {}).get("vocab", {})
        known |= set(vocabulary) if isinstance(vocabulary, dict) else set()
    return known


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
