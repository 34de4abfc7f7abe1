"""Weights files: from a local cache, the Hugging Face hub or a URL, and how they are read and checked."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ...store.errors import InvalidInputError

if TYPE_CHECKING:
    import torch


T = TypeVar("T")
REACH_SECONDS = 5.0
BLOCK = 1 << 20


def hub_file(encoder: str, repository: str, names: Sequence[str]) -> Path:
    """One of the files `names` of a Hugging Face `repository`: from the local cache, else downloaded.

    Raises:
        InvalidInputError: there is no network and no cached file; says which file to fetch and the flag.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    cached = cached_file(repository, names)
    if cached is not None:
        return cached
    problem: Exception | str = "the hub cannot be reached"
    if _hub_answers():
        for name in names:
            try:
                return Path(hf_hub_download(repository, name))
            except EntryNotFoundError:
                continue
            except Exception as error:  # its HTTP client's errors differ between releases
                problem = error
                break
    what = f"get {' or '.join(names)} of the Hugging Face repository {repository}"
    raise weights_not_found(encoder, problem, f"{what} and pass --weights FILE")


def cached_file(repository: str, names: Sequence[str]) -> Path | None:
    """The first of `names` that the hub's local cache holds."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        cached = try_to_load_from_cache(repository, name)
        if isinstance(cached, str):
            return Path(cached)
    return None


def hub_folder(model: str, repository: str, files: Sequence[str], instead: str) -> Path:
    """The folder of a Hugging Face `repository` with all of `files`: from the local cache, else downloaded.

    Raises:
        InvalidInputError: there is no network and not all is cached; says what to fetch and to do `instead`.
    """
    from huggingface_hub import hf_hub_download

    cached = [cached_file(repository, [name]) for name in files]
    problem: Exception | str = "the hub cannot be reached"
    if None in cached and _hub_answers():
        try:
            cached = [Path(hf_hub_download(repository, name)) for name in files]
        except Exception as error:  # as above
            problem = error
    if None in cached or not cached[0]:
        what = f"get {', '.join(files)} of the Hugging Face repository {repository}"
        raise weights_not_found(model, problem, f"{what} and {instead}")
    return cached[0].parents[files[0].count("/")]


def url_file(encoder: str, url: str) -> Path:
    """The file at `url`: from torch's download cache, else downloaded into it.

    Raises:
        InvalidInputError: there is no network and no cached file; says which file to fetch and the flag.
    """
    target = cached_url(url)
    if target.is_file():
        return target
    problem: Exception | str = "downloads are switched off"
    if not _offline():
        try:
            _download(url, target)
            return target
        except OSError as error:
            problem = error
    raise weights_not_found(encoder, problem, f"get {url} and pass --weights FILE")


def cached_url(url: str) -> Path:
    """The path of the file of `url` in torch.hub's cache, which other programs fill too."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser()
    return home / "hub" / "checkpoints" / url.rpartition("/")[2]


def weights_not_found(encoder: str, problem: Exception | str, hint: str) -> InvalidInputError:
    """The error for weights that are on no disk and cannot be fetched."""
    return InvalidInputError(
        f"the weights of {encoder} are not here and cannot be downloaded: {problem}", hint=hint
    )


def load_weights(encoder: str, path: Path, load: Callable[[], T]) -> T:
    """`load()`, which reads the file `path`. InvalidInputError when that is missing or does not fit."""
    if not path.is_file():
        raise InvalidInputError(f"there is no weights file {path}", hint="check what --weights names")
    try:
        return load()
    except InvalidInputError:
        raise
    except Exception as error:  # torch, safetensors, timm and open_clip each raise their own
        # torch's message goes on with how to load unsafe files all the same
        reason = str(error).partition("In PyTorch 2.6")[0].strip().splitlines() or [type(error).__name__]
        raise InvalidInputError(
            f"{path.name} holds no weights for {encoder}: {reason[0]}",
            hint="pass the file of this very architecture: safetensors, or a plain state dict saved by torch",
        ) from error


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """The tensors and plain values of a safetensors or `torch.save` file; nothing else is read."""
    import torch

    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return dict(load_file(path))
    # A training checkpoint is mostly optimizer state, which a mapped file does not read.
    found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    if not isinstance(found, Mapping):
        raise ValueError(f"it holds a {type(found).__name__}, not named tensors")
    return found


def fill(module: torch.nn.Module, state: Mapping[str, Any]) -> None:
    """Copy `state` into `module`. Raises ValueError unless it has exactly its tensors in their shapes."""
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in state]
    if missing:
        raise ValueError(f"it lacks {_some(missing)}")
    extra = [name for name in state if name not in wanted]
    if extra:
        raise ValueError(f"it also holds {_some(extra)}")
    for name, tensor in wanted.items():
        if tuple(state[name].shape) != tuple(tensor.shape):
            raise ValueError(f"{name} has shape {tuple(state[name].shape)}, not {tuple(tensor.shape)}")
    module.load_state_dict(dict(state))


def without_prefix(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The entries whose name starts with `prefix`, by the rest of their name."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _download(url: str, target: Path) -> None:
    """Stream `url` to `target`, which appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        urllib.request.urlopen(url, timeout=30) as answer,  # noqa: S310 (https, a constant)
        tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part,
    ):
        try:
            shutil.copyfileobj(answer, part, BLOCK)
            expected = answer.headers.get("Content-Length")
            if expected is not None and part.tell() != int(expected):
                raise OSError(f"the download ended after {part.tell():,} of {int(expected):,} bytes")
            part.close()
            Path(part.name).replace(target)
        finally:
            Path(part.name).unlink(missing_ok=True)


def _offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _hub_answers() -> bool:
    """One request: the hub's own client retries for most of a minute and logs each try."""
    from huggingface_hub import constants

    if _offline():
        return False
    try:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310 (https, a constant)
        urllib.request.urlopen(request, timeout=REACH_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError:  # an answer
        return True
    except OSError:
        return False
    return True


def _some(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} others" if len(names) > 1 else "")
