"""The base generator of a customization: its folder, the id of its contents, whether it is supported."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path

from ...store import ConflictError, InvalidInputError, NotFoundError, key_id
from ..diffusion_files import check_weights
from ..world import WORLD_NAME, model_path
from .layout import SUPPORTED, base_kind, check_layout, folders_of, read_json, resolution_step
from .single_file import convert_single_file, is_single_file, single_file_id

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class BaseGenerator:
    """A base on disk: its folder, the id of its contents, its kind (see `layout.base_kind`)."""

    folder: str
    base_id: str
    kind: str = "sd"

    @classmethod
    def find(cls, base: str) -> "BaseGenerator":
        """The base called `base`, see `resolve_base` for names and errors."""
        folder = resolve_base(base)
        base_id = single_file_id(Path(base)) if is_single_file(base) else fingerprint(folder)
        return cls(str(folder), base_id, WORLD_NAME if base == WORLD_NAME else base_kind(folder))


@dataclass(frozen=True)
class BaseOnNodes:
    """A base that workers load: on a cluster each finds it by name, and must find the same contents."""

    base: BaseGenerator
    name: str | None = None

    @classmethod
    def of(cls, base: BaseGenerator, name: str, ray: str | None) -> "BaseOnNodes":
        """`name` as it was given for `base`."""
        if ray is None:
            return cls(base)
        return cls(base, str(Path(name).resolve()) if Path(name).exists() else name)

    @property
    def folder(self) -> Path:
        """Its folder on this machine. Raises as `resolve_base`, ConflictError for other contents."""
        if self.name is None:
            return Path(self.base.folder)
        here = BaseGenerator.find(self.name)
        if here.base_id != self.base.base_id:
            raise ConflictError(
                f"the base {self.name!r} of a node is not the one of this command",
                hint="put the same files there, or the base on a file system that all nodes share",
            )
        return Path(here.folder)


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
        raise NotFoundError(f"there is no base model {base!r}", hint=SUPPORTED)
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


def fingerprint(folder: Path) -> str:
    """The id of a base's contents, from its files' relative names and hashes: a copy has the same id."""
    files = [
        path for part in folders_of(folder) for path in sorted((folder / part).rglob("*")) if path.is_file()
    ]
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
    side = resolution_step(folder)
    if resolution % side:
        raise InvalidInputError(
            f"a resolution of {resolution} is no multiple of {side}, the pixels of the base's latent cells",
            hint=f"use {max(1, round(resolution / side)) * side}",
        )


def free_token(folder: Path) -> str:
    """A name for V* that the base's vocabulary does not have: <new1>, else the next number that is free."""
    known = _vocabulary(folder / "tokenizer")
    return next(name for name in (f"<new{n}>" for n in count(1)) if name not in known)


def _vocabulary(tokenizer: Path) -> set[str]:
    """Every token that the files of a tokenizer name."""
    known: set[str] = set()
    for name in ("vocab.json", "added_tokens.json"):
        if (tokenizer / name).is_file():
            known |= set(read_json(tokenizer / name))
    if (tokenizer / "tokenizer_config.json").is_file():
        added = read_json(tokenizer / "tokenizer_config.json").get("added_tokens_decoder", {})
        known |= {one.get("content") for one in added.values()}
    if (tokenizer / "tokenizer.json").is_file():
        whole = read_json(tokenizer / "tokenizer.json")
        known |= {one.get("content") for one in whole.get("added_tokens", ())}
        vocabulary = whole.get("model", {}).get("vocab", {})
        known |= set(vocabulary) if isinstance(vocabulary, dict) else set()
    return known


def _download(base: str) -> Path:
    from diffusers import DiffusionPipeline

    try:
        return Path(DiffusionPipeline.download(base))
    except (OSError, ValueError) as error:
        raise NotFoundError(
            f"base model {base!r} is neither a folder nor on the hub: {error}",
            hint="check the name and the network, or give a local folder",
        ) from error
