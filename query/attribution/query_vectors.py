"""What is asked about, made comparable: a sample, a file, bytes or a raw feature to a unit vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...store.errors import InvalidInputError, NotFoundError
from ...store.ids import content_id
from ...store.lookup import locate
from .request import Question

if TYPE_CHECKING:
    from ..search import SearchSpace
    from ..session import Snapshot

BATCH = 32
"""Pictures decoded and encoded at once."""


@dataclass(frozen=True)
class Read:
    """A question: its name, and one of the three things that can be mapped."""

    name: str
    data: bytes | None = None
    feature: NDArray[np.float32] | None = None
    sample: str | None = None
    caption: str = ""  # for encoders that look at captions


def read_query_vectors(
    snapshot: Snapshot, questions: Sequence[Question], space: SearchSpace, *, files: bool = True
) -> tuple[list[str], NDArray[np.float32]]:
    """Names and unit rows (questions, dim), each mapped as a generated image: by h~.

    Raises:
        NotFoundError: no such file, sample or encoder.
        DataError: bytes that are no image.
        InvalidInputError: a vector of another length, with NaN in it, or of zeros.
    """
    asked = [_read(question, files) for question in questions]
    vectors = np.empty((len(asked), space.dim), np.float32)
    named = [place for place, one in enumerate(asked) if one.sample is not None]
    if named:
        names = [asked[place].sample or "" for place in named]
        vectors[named], found = _sample_vectors(snapshot, names, space)
        for place, (data, prompt) in zip(named, found, strict=True):
            asked[place] = replace(asked[place], data=data, caption=prompt)
    features = [place for place, one in enumerate(asked) if one.feature is not None]
    if features:
        raw = _checked([asked[place].feature for place in features], snapshot, space)
        vectors[features] = snapshot.pair(space.encoder, space.mapper).synth(raw)
    pictures = [place for place, one in enumerate(asked) if one.data is not None]
    for start in range(0, len(pictures), BATCH):
        some = pictures[start : start + BATCH]
        vectors[some] = _encoded([asked[place] for place in some], snapshot, space)
    return [one.name for one in asked], vectors


def pictures_of(snapshot: Snapshot, names: Sequence[str]) -> dict[str, bytes | None]:
    """The bytes of questions named by text: files and samples; None where there are none."""
    asked = {name: _read(name, files=True) for name in names}
    samples = _samples(snapshot, sorted(name for name, one in asked.items() if one.sample is not None))
    rows = locate("samples", snapshot.pinned.dataset("samples"), "bytes", list(samples.values()))
    stored = dict(rows.read(list(samples.values())))
    return {name: one.data or stored.get(samples.get(name, "")) for name, one in asked.items()}


def _read(question: Question, files: bool) -> Read:
    """The question as what it is; text that names no file can only be a sample."""
    if isinstance(question, bytes):
        return Read(content_id(question), data=question)
    if isinstance(question, np.ndarray):
        feature = _feature(question)
        return Read(f"vector {content_id(feature.tobytes())[:12]}", feature=feature)
    if not files and not isinstance(question, str):
        raise InvalidInputError("files of this machine may not be named", hint="send their bytes")
    return (_file(question) if files else None) or Read(str(question), sample=str(question))


def _sample_vectors(
    snapshot: Snapshot, names: list[str], space: SearchSpace
) -> tuple[NDArray[np.float32], list[tuple[bytes | None, str]]]:
    """Unit rows (names, dim) of samples by id or uri; for one that has none, its picture and its prompt."""
    vectors = space.sample_vectors(names)
    pictures: list[tuple[bytes | None, str]] = [(None, "")] * len(names)
    others = np.flatnonzero(~np.isfinite(vectors).all(axis=1))  # uris, and samples without a vector
    if len(others):
        known = _samples(snapshot, sorted({names[place] for place in others}))
        ids = [known[names[place]] for place in others]
        vectors[others] = space.sample_vectors(ids)
        bare = [at for at, row in enumerate(vectors[others]) if not np.isfinite(row).all()]
        found = _bytes_of(snapshot, [ids[at] for at in bare], space.encoder)
        rows = snapshot.finder("samples", "sample_id").rows([ids[at] for at in bare], ["prompt"])
        prompts = dict(zip(rows["sample_id"].to_pylist(), rows["prompt"].to_pylist(), strict=True))
        for at, data in zip(bare, found, strict=True):
            pictures[others[at]] = data, prompts.get(ids[at]) or ""
    return vectors, pictures


def _feature(question: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        return np.ascontiguousarray(question, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError("a vector holds what is no number", hint="give float32 numbers") from error


def _file(question: str | Path) -> Read | None:
    """The file of this name, or None where it can only be a sample."""
    try:
        path = Path(question)
        if path.is_file():
            return Read(str(question), data=path.read_bytes())
    except (OSError, ValueError) as error:  # too long for a file, a null byte, or one that may not be read
        if isinstance(question, Path):
            raise NotFoundError(f"cannot read {question}: {error}", hint="name another file") from error
    return None


def _samples(snapshot: Snapshot, names: list[str]) -> dict[str, str]:
    """The sample of each name, its id or uri; the first by id where several share a uri. NotFoundError."""
    if not names:
        return {}
    by_id = snapshot.finder("samples", "sample_id").rows(names, [])["sample_id"].to_pylist()
    found = dict(zip(by_id, by_id, strict=True))
    if others := [name for name in names if name not in found]:
        rows = snapshot.finder("samples", "uri").rows(others, ["sample_id"])
        pairs = zip(rows["uri"].to_pylist(), rows["sample_id"].to_pylist(), strict=True)
        found |= dict(sorted(pairs, reverse=True))
    if lost := [name for name in names if name not in found]:
        raise NotFoundError(
            f"{lost[0]!r} is no file, sample_id or sample's uri",
            hint='list them: attribase -s STORE query sql "select sample_id, uri, prompt from samples"',
        )
    return found


def _bytes_of(snapshot: Snapshot, samples: list[str], encoder: str) -> list[bytes]:
    """The pictures of samples that have no vector. NotFoundError for one that has none."""
    if not samples:
        return []
    rows = locate("samples", snapshot.pinned.dataset("samples"), "bytes", samples)
    found = []
    for sample, data in rows.read(samples):
        if data is None:
            raise NotFoundError(
                f"the sample {sample} has neither a {encoder} vector nor bytes",
                hint="give its image file instead",
            )
        found.append(data)
    return found


def _checked(
    features: Sequence[NDArray[np.float32] | None], snapshot: Snapshot, space: SearchSpace
) -> NDArray[np.float32]:
    """Raw features (n, dim) of the encoder, fit to be mapped."""
    dim = snapshot.dim(space.encoder)
    for feature in features:
        if feature is None or feature.shape != (dim,):
            shape = " x ".join(map(str, feature.shape if feature is not None else ())) or "no"
            raise InvalidInputError(
                f"a vector of {space.encoder} has {dim} numbers, this has {shape}",
                hint="give the raw feature of one image, not yet mapped",
            )
        if not np.isfinite(feature).all() or not feature.any():
            raise InvalidInputError(
                "a vector has NaN or infinite numbers, or is all zeros", hint="encode the image again"
            )
    return np.stack([feature for feature in features if feature is not None])


def _encoded(pictures: list[Read], snapshot: Snapshot, space: SearchSpace) -> NDArray[np.float32]:
    """Pictures to unit rows (pictures, dim): decode, encode, h~."""
    from ...runtime import decode_image  # imported late: loads ONNX

    pair = snapshot.pair(space.encoder, space.mapper)
    network = snapshot.network(space.encoder)
    images, prompts = [decode_image(one.data or b"") for one in pictures], [one.caption for one in pictures]
    looks = any(prompts) and network.captions
    raw = network.encode(images, prompts) if looks else network.encode(images)
    return np.asarray(pair.synth(raw), np.float32)
