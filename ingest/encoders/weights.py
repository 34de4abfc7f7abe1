"""Where weights come from: a file the user names, the local cache of the hub, or the hub itself."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ...store.errors import InvalidInputError

T = TypeVar("T")
REACH_SECONDS = 5.0


def hub_file(encoder: str, repository: str, names: Sequence[str]) -> Path:
    """One of the files `names` of a Hugging Face `repository`: from the local cache, else downloaded.

    Raises:
        InvalidInputError: there is no network and no cached file; says which file to fetch and the flag.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError

    for name in names:
        cached = try_to_load_from_cache(repository, name)
        if isinstance(cached, str):
            return Path(cached)
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
    raise InvalidInputError(
        f"the weights of {encoder} are not here and cannot be downloaded: {problem}",
        hint=f"get {' or '.join(names)} of the Hugging Face repository {repository} and pass --weights FILE",
    )


def load_checked(encoder: str, path: Path, load: Callable[[], T]) -> T:
    """What `load` makes of the file `path`; InvalidInputError when it is missing or does not fit."""
    if not path.is_file():
        raise InvalidInputError(f"there is no weights file {path}", hint="check what --weights names")
    try:
        return load()
    except Exception as error:  # torch, safetensors, timm and open_clip each raise their own
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InvalidInputError(
            f"{path.name} holds no weights for {encoder}: {reason[0]}",
            hint="pass the file of this very architecture: safetensors, or a plain state dict saved by torch",
        ) from error


def _hub_answers() -> bool:
    """Ask once: the hub's own client retries for most of a minute and logs each try."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310 (https, a constant)
        urllib.request.urlopen(request, timeout=REACH_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError:
        return True  # it answered
    except OSError:
        return False
    return True
