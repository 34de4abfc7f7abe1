"""The weight files of a base in diffusers' layout: which variant there is, and whether each is a whole file.

Only names, sizes and headers are read. What a download left behind is named as such: a pointer of Git LFS
instead of the file, a file that was cut, a shard or a whole part that is missing.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ..store import DataError

NETWORKS = ("text_encoder", "text_encoder_2", "text_encoder_3", "transformer", "unet", "vae")
"""The parts of a base that have weights; each kind of base has some of them."""

LFS_POINTER = b"version https://git-lfs.github.com/spec"
DOWNLOAD_AGAIN = "download the file again"

POINTER_BYTES = 1024
"""A pointer is smaller than this."""

_NAME = re.compile(
    r"(?:model|pytorch_model|diffusion_pytorch_model)"
    r"(?:\.(?P<variant>[A-Za-z0-9_]+))?(?:-\d+-of-\d+)?(?:\.(?P<sharded>[A-Za-z0-9_]+))?\.(?:safetensors|bin)"
)
_INDEX = re.compile(r"\.(?:safetensors|bin)\.index(?:\.[A-Za-z0-9_]+)?\.json")


def find_variant(folder: Path) -> str | None:
    """The variant ('fp16', say) that has to be named to load the base in `folder`; None where none has.

    That is the case where some part has no weights under the plain names.
    """
    found = [_variants(folder / part) for part in _networks(folder)]
    if all(None in variants for variants in found):
        return None
    known = sorted({name for variants in found for name in variants if name is not None})
    return next((name for name in known if all({name, None} & variants for variants in found)), None)


def check_weights(folder: Path) -> None:
    """Raise DataError for a file of the base in `folder` that is no whole file, or a part without weights."""
    for part in ("scheduler", "tokenizer", *_networks(folder)):
        for path in sorted((folder / part).iterdir()):
            check_file(path, path.as_posix())
    for part in _networks(folder):
        if not _variants(folder / part):
            names = ", ".join(sorted(path.name for path in (folder / part).iterdir())) or "nothing"
            raise DataError(
                f"{(folder / part).as_posix()} has no weights, only {names}",
                hint="download the whole base; its weights end with .safetensors or .bin",
            )


def weight_bytes(folder: Path) -> int:
    """Size of the files of the base's network in `folder`: of what training and sampling run most."""
    network = next(part for part in ("transformer", "unet") if (folder / part).is_dir())
    return sum(path.stat().st_size for path in (folder / network).iterdir() if path.is_file())


def check_file(path: Path, name: str) -> None:
    """Raise DataError, calling the file `name`, where it is a pointer, cut, or lacks a shard."""
    if not path.is_file():
        return
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(POINTER_BYTES)
    if head.startswith(LFS_POINTER):
        raise DataError(
            f"{name} is a pointer of Git LFS, not the file itself",
            hint="run `git lfs install` and `git lfs pull` in the folder that was cloned",
        )
    if path.suffix == ".safetensors":
        _check_safetensors(path, name, size)
    elif path.suffix in (".bin", ".ckpt") and head.startswith(b"PK") and not zipfile.is_zipfile(path):
        raise DataError(f"{name} is cut off after {size:,} bytes", hint=DOWNLOAD_AGAIN)
    elif _INDEX.search(path.name):
        missing = [shard for shard in _shards(path, name) if not (path.parent / shard).is_file()]
        if missing:
            raise DataError(
                f"{name} names {missing[0]}, which is not there", hint="download all parts of the weights"
            )


def _networks(folder: Path) -> list[str]:
    """The parts with weights that the base in `folder` has."""
    return [part for part in NETWORKS if (folder / part).is_dir()]


def _check_safetensors(path: Path, name: str, size: int) -> None:
    """The header says how long the file is: 8 bytes, the header, and the end of the last tensor."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 + length or length > 100_000_000:
            raise DataError(
                f"{name} is cut off after {size:,} bytes, or no safetensors file", hint=DOWNLOAD_AGAIN
            )
        try:
            header = json.loads(file.read(length))
            ends = [one["data_offsets"][1] for key, one in header.items() if key != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise DataError(f"{name} is no safetensors file: {error}", hint=DOWNLOAD_AGAIN) from error
    whole = 8 + length + max(ends, default=0)
    if size != whole:
        raise DataError(f"{name} is cut off: it has {size:,} of {whole:,} bytes", hint=DOWNLOAD_AGAIN)


def _shards(path: Path, name: str) -> Iterator[str]:
    try:
        yield from sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{name} is no index of weights: {error}", hint=DOWNLOAD_AGAIN) from error


def _variants(folder: Path) -> set[str | None]:
    """The variants that the part in `folder` has weights in, None for plain names."""
    matches = [_NAME.fullmatch(path.name) for path in folder.iterdir()]
    return {match["variant"] or match["sharded"] for match in matches if match}
