"""Questions as query vectors: a sample, an image file, bytes or a raw feature to a unit row, mapped by h~."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...runtime import decode_image
from ...store.errors import InvalidInputError, NotFoundError
from ...store.ids import content_id
from ...store.lookup import locate
from .request import Question

if TYPE_CHECKING:
    from ..search import SearchSpace
    from ..session import Snapshot

BATCH = 32
"""Images decoded and encoded at once."""


@dataclass(frozen=True)
class ParsedQuestion:
    """A question: its name, and one of `data` (image bytes), `feature` (dim,) and `sample` (id or uri).

    `prompt` is that of a sample, for encoders that read captions.
    """

    name: str
    data: bytes | None = None
    feature: NDArray[np.float32] | None = None
    sample: str | None = None
    prompt: str = ""


def read_query_vectors(
    snapshot: Snapshot, questions: Sequence[Question], space: SearchSpace, *, files: bool = True
) -> tuple[list[str], NDArray[np.float32]]:
    """Names and unit rows (questions, dim), each mapped as a generated image: by h~.

    `files`: whether text may name a file of this machine.

    Raises:
        NotFoundError: no such file, sample or encoder.
        DataError: bytes that are no image.
        InvalidInputError: a vector of another length, with NaN in it, or of zeros.
    """
    parsed = [_parse(question, files) for question in questions]
    vectors = np.empty((len(parsed), space.dim), np.float32)
    at_samples = [at for at, one in enumerate(parsed) if one.sample is not None]
    if at_samples:
        names = [parsed[at].sample or "" for at in at_samples]
        vectors[at_samples], images = _sample_vectors(snapshot, names, space)
        for at, (data, prompt) in zip(at_samples, images, strict=True):
            parsed[at] = replace(parsed[at], data=data, prompt=prompt)
    at_features = [at for at, one in enumerate(parsed) if one.feature is not None]
    if at_features:
        raw = _stack_features([parsed[at].feature for at in at_features], snapshot, space)
        vectors[at_features] = snapshot.pair(space.encoder, space.mapper).synth(raw)
    at_images = [at for at, one in enumerate(parsed) if one.data is not None]
    for start in range(0, len(at_images), BATCH):
        batch = at_images[start : start + BATCH]
        vectors[batch] = _encode([parsed[at] for at in batch], snapshot, space)
    return [one.name for one in parsed], vectors


def read_query_images(snapshot: Snapshot, names: Sequence[str]) -> dict[str, bytes | None]:
    """The image bytes of questions that are text: files and samples; None where there are none."""
    parsed = {name: _parse(name, files=True) for name in names}
    ids = _sample_ids(snapshot, sorted(name for name, one in parsed.items() if one.sample is not None))
    rows = locate("samples", snapshot.pinned.dataset("samples"), "bytes", list(ids.values()))
    stored = dict(rows.read(list(ids.values())))
    return {name: one.data or stored.get(ids.get(name, "")) for name, one in parsed.items()}


def _parse(question: Question, files: bool) -> ParsedQuestion:
    """Text that names no file can only be a sample."""
    if isinstance(question, bytes):
        return ParsedQuestion(content_id(question), data=question)
    if isinstance(question, np.ndarray):
        feature = _to_float32(question)
        return ParsedQuestion(f"vector {content_id(feature.tobytes())[:12]}", feature=feature)
    if not files and not isinstance(question, str):
        raise InvalidInputError("files of this machine may not be named", hint="send their bytes")
    data = _read_file(question) if files else None
    sample = str(question) if data is None else None
    return ParsedQuestion(str(question), data=data, sample=sample)


def _to_float32(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        return np.ascontiguousarray(vector, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError("a vector holds what is no number", hint="give float32 numbers") from error


def _read_file(name: str | Path) -> bytes | None:
    """The bytes of the file of this name, or None where it can only be a sample."""
    try:
        path = Path(name)
        return path.read_bytes() if path.is_file() else None
    except (OSError, ValueError) as error:  # too long for a file, a null byte, or one that may not be read
        if isinstance(name, Path):
            raise NotFoundError(f"cannot read {name}: {error}", hint="name another file") from error
        return None


def _sample_vectors(
    snapshot: Snapshot, names: list[str], space: SearchSpace
) -> tuple[NDArray[np.float32], list[tuple[bytes | None, str]]]:
    """Unit rows (names, dim) of samples by id or uri, and (bytes, prompt) of each that has no vector."""
    vectors = space.sample_vectors(names)
    images: list[tuple[bytes | None, str]] = [(None, "")] * len(names)
    others = np.flatnonzero(~np.isfinite(vectors).all(axis=1))  # uris, and samples without a vector
    if len(others):
        known = _sample_ids(snapshot, sorted({names[at] for at in others}))
        ids = [known[names[at]] for at in others]
        vectors[others] = space.sample_vectors(ids)
        missing = [at for at, row in enumerate(vectors[others]) if not np.isfinite(row).all()]
        data_of = _sample_bytes(snapshot, [ids[at] for at in missing], space.encoder)
        rows = snapshot.finder("samples", "sample_id").rows([ids[at] for at in missing], ["prompt"])
        prompts = dict(zip(rows["sample_id"].to_pylist(), rows["prompt"].to_pylist(), strict=True))
        for at, data in zip(missing, data_of, strict=True):
            images[others[at]] = data, prompts.get(ids[at]) or ""
    return vectors, images


def _sample_ids(snapshot: Snapshot, names: list[str]) -> dict[str, str]:
    """The sample_id of each name, an id or uri; the first by id where several share a uri. NotFoundError."""
    if not names:
        return {}
    by_id = snapshot.finder("samples", "sample_id").rows(names, [])["sample_id"].to_pylist()
    found = dict(zip(by_id, by_id, strict=True))
    if others := [name for name in names if name not in found]:
        rows = snapshot.finder("samples", "uri").rows(others, ["sample_id"])
        pairs = zip(rows["uri"].to_pylist(), rows["sample_id"].to_pylist(), strict=True)
        found |= dict(sorted(pairs, reverse=True))
    if unknown := [name for name in names if name not in found]:
        raise NotFoundError(
            f"{unknown[0]!r} is no file, sample_id or sample's uri",
            hint='list them: attribase -s STORE query sql "select sample_id, uri, prompt from samples"',
        )
    return found


def _sample_bytes(snapshot: Snapshot, ids: list[str], encoder: str) -> list[bytes]:
    """The images of samples that have no vector. NotFoundError for one without bytes."""
    if not ids:
        return []
    rows = locate("samples", snapshot.pinned.dataset("samples"), "bytes", ids)
    found = []
    for sample, data in rows.read(ids):
        if data is None:
            raise NotFoundError(
                f"the sample {sample} has neither a {encoder} vector nor bytes",
                hint="give its image file instead",
            )
        found.append(data)
    return found


def _stack_features(
    features: Sequence[NDArray[np.float32] | None], snapshot: Snapshot, space: SearchSpace
) -> NDArray[np.float32]:
    """Raw features (n, dim) of the encoder. InvalidInputError for one that cannot be mapped."""
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


def _encode(questions: list[ParsedQuestion], snapshot: Snapshot, space: SearchSpace) -> NDArray[np.float32]:
    """Images to unit rows (images, dim): decode, encode, map by h~."""
    pair = snapshot.pair(space.encoder, space.mapper)
    network = snapshot.network(space.encoder)
    images, prompts = [decode_image(one.data or b"") for one in questions], [one.prompt for one in questions]
    with_prompts = any(prompts) and network.captions
    raw = network.encode(images, prompts) if with_prompts else network.encode(images)
    return np.asarray(pair.synth(raw), np.float32)
