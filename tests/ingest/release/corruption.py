"""Ways to corrupt a release, and the check that it is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from attribase.ingest.release import ingest_release
from attribase.store import Store
from attribase.store.errors import AttribaseError

from .contents import files
from .official import Official

ARTCHIVE = "feats/clip/test_artchive.pth"
GALLERY = "feats/clip/laion_subset.pth"
INDEX = "dataset/json/test_artchive.json"
LINEAR, MLP = "weights/mapper/clip_tuned.pth", "weights/mapper/my_vit_mlp.pth"
CHANNEL = "weights/mapper/clip_channel.pth"
CALIBRATOR = "weights/calibrator/clip_tuned.pth"


def check_refused(folder: Path, stores: list[Store], kind: type[AttribaseError], *says: str) -> None:
    """Importing `folder` fails with `kind` and these words, into a new store and into each of `stores`."""
    new = folder.parent / "new" / "store"
    with pytest.raises(kind) as caught:
        list(ingest_release(new, folder))
    for words in says:
        assert words in str(caught.value)
    assert caught.value.hint
    assert not new.parent.exists()
    for store in stores:
        before, held = store.versions(), files(Path(store.uri))
        with pytest.raises(AttribaseError):
            list(ingest_release(store, folder))
        assert store.versions() == before
        assert files(Path(store.uri)) == held


def change(made: Official, file: str, edit: Callable[[dict[str, Any]], Any]) -> None:
    """Load a .pth, let `edit` change it or return another one, and save it."""
    data = torch.load(made.folder / file, weights_only=True)
    torch.save(edit(data) or data, made.folder / file)


def entry(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets data[keys...] to `value`, or to what `value` makes of it."""

    def edit(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = value(data[keys[-1]]) if callable(value) else value

    return edit


def without(*keys: Any) -> Callable[[dict[str, Any]], None]:
    def edit(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        del data[keys[-1]]

    return edit


def set_value(number: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def edit(tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.clone()
        tensor[(2,) * tensor.ndim] = number
        return tensor

    return edit
