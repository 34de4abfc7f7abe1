"""Questions as query vectors: a sample, an image file, bytes or a raw feature to a unit row, mapped by h~."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...runtime import decode_image
from ...runtime.composite import scale_parts
from ...store.errors import AttribaseError, InvalidInputError, NotFoundError
from ...store.lookup import locate
from .parsed_question import ParsedQuestion, parse_question
from .request import Question
from .state import is_one_colour

if TYPE_CHECKING:
    from ..search import SearchSpace
    from ..session import Snapshot

BATCH = 32
"""Images decoded and encoded at once."""


@dataclass(frozen=True)
class QueryVectors:
    """Names and unit rows (questions, dim); a question with an error has no row of its own.

    `samples`: for each question the id or uri of the stored sample that it names, or None. `one_colour`:
    whether its picture shows nothing but one colour; a stored sample with a vector is not looked at.
    """

    names: list[str]
    vectors: NDArray[np.float32]
    samples: list[str | None]
    one_colour: list[bool]
    errors: dict[int, AttribaseError] = field(default_factory=dict)

    def without_errors(self) -> QueryVectors:
        """The questions that have no error."""
        good = [at for at in range(len(self.names)) if at not in self.errors]
        return QueryVectors(
            [self.names[at] for at in good],
            self.vectors[good],
            [self.samples[at] for at in good],
            [self.one_colour[at] for at in good],
        )

    def raise_first(self) -> None:
        """Raise the error of the first question that has one."""
        if self.errors:
            raise self.errors[min(self.errors)]


def read_query_vectors(
    snapshot: Snapshot,
    questions: Sequence[Question | AttribaseError],
    space: SearchSpace,
    *,
    files: bool = True,
) -> QueryVectors:
    """The vector of each question, mapped as that of a generated image: by h~.

    `errors` has a NotFoundError for what is no file or sample, a DataError for bytes that are no image, an
    InvalidInputError for a vector of another length, with NaN in it, or of zeros; and the errors that stand
    in `questions` for what could not be read.

    Args:
        snapshot: the versions to read.
        questions: in any mixture.
        space: where the vectors are to be compared.
        files: whether text may name a file of this machine.

    Raises:
        NotFoundError: there is no such encoder.
    """
    parsed = [parse_question(question, files) for question in questions]
    vectors = np.full((len(parsed), space.dim), np.nan, np.float32)
    _read_samples(snapshot, parsed, vectors, space)
    _map_features(snapshot, parsed, vectors, space)
    at_images = [at for at, one in enumerate(parsed) if one.data is not None]
    for start in range(0, len(at_images), BATCH):
        images = _decode(parsed, at_images[start : start + BATCH], snapshot.encoders.profiles(space.encoder))
        if images:
            batch = list(images)
            prompts = [parsed[at].prompt for at in batch]
            vectors[batch] = _encode(list(images.values()), prompts, snapshot, space)
    errors = {at: one.error for at, one in enumerate(parsed) if one.error is not None}
    return QueryVectors(
        [one.name for one in parsed],
        vectors,
        [one.sample for one in parsed],
        [one.one_colour for one in parsed],
        errors,
    )


def read_query_images(
    snapshot: Snapshot, questions: Sequence[Question], *, files: bool = True
) -> dict[str, bytes | None]:
    """The image bytes of questions by their names; None where there are none, as of raw features.

    `files`: whether text may name a file of this machine.
    """
    parsed = [parse_question(question, files) for question in questions]
    ids = sample_ids(snapshot, sorted({one.sample for one in parsed if one.sample is not None}))
    rows = locate("samples", snapshot.pinned.dataset("samples"), "bytes", list(ids.values()))
    stored = dict(rows.read(list(ids.values())))
    return {one.name: one.data or stored.get(ids.get(one.name, "")) for one in parsed}


def _read_samples(
    snapshot: Snapshot, parsed: list[ParsedQuestion], vectors: NDArray[np.float32], space: SearchSpace
) -> None:
    """Fill the rows of stored samples. One without a vector gets `data` and `prompt`, to be encoded."""
    asked = [at for at, one in enumerate(parsed) if one.sample is not None]
    if not asked:
        return
    vectors[asked] = space.sample_vectors([parsed[at].sample or "" for at in asked])
    others = [at for at in asked if not np.isfinite(vectors[at]).all()]  # uris, and samples without a vector
    known = sample_ids(snapshot, sorted({parsed[at].sample or "" for at in others}))
    found = {at: known[parsed[at].sample or ""] for at in others if parsed[at].sample in known}
    for at in set(others) - set(found):
        parsed[at].fail(
            NotFoundError(
                f"{parsed[at].sample!r} is no file, sample_id or sample's uri",
                hint='list them: attribase -s STORE query sql "select sample_id, uri, prompt from samples"',
            )
        )
    if found:
        vectors[list(found)] = space.sample_vectors(list(found.values()))
    missing = {at: item for at, item in found.items() if not np.isfinite(vectors[at]).all()}
    if missing:
        _read_sample_images(snapshot, parsed, missing, space.encoder)


def sample_ids(snapshot: Snapshot, names: list[str]) -> dict[str, str]:
    """The sample_id of each known name, an id or uri; the first by id where several share a uri."""
    if not names:
        return {}
    by_id = snapshot.finder("samples", "sample_id").rows(names, [])["sample_id"].to_pylist()
    found = dict(zip(by_id, by_id, strict=True))
    if others := [name for name in names if name not in found]:
        rows = snapshot.finder("samples", "uri").rows(others, ["sample_id"])
        pairs = zip(rows["uri"].to_pylist(), rows["sample_id"].to_pylist(), strict=True)
        found |= dict(sorted(pairs, reverse=True))
    return found


def _read_sample_images(
    snapshot: Snapshot, parsed: list[ParsedQuestion], samples: dict[int, str], encoder: str
) -> None:
    """Give the questions `samples` (position to sample_id) the stored image and its prompt."""
    ids = list(samples.values())
    stored = dict(locate("samples", snapshot.pinned.dataset("samples"), "bytes", ids).read(ids))
    rows = snapshot.finder("samples", "sample_id").rows(ids, ["prompt"])
    prompts = dict(zip(rows["sample_id"].to_pylist(), rows["prompt"].to_pylist(), strict=True))
    for at, item in samples.items():
        parsed[at].data, parsed[at].prompt = stored.get(item), prompts.get(item) or ""
        if parsed[at].data is None:
            parsed[at].fail(
                NotFoundError(
                    f"the sample {item} has neither a {encoder} vector nor bytes",
                    hint="give its image file instead",
                )
            )


def _map_features(
    snapshot: Snapshot, parsed: list[ParsedQuestion], vectors: NDArray[np.float32], space: SearchSpace
) -> None:
    """Fill the rows of raw features of the encoder."""
    features = {at: one.feature for at, one in enumerate(parsed) if one.feature is not None}
    if not features:
        return
    dim = snapshot.dim(space.encoder)
    for at, feature in features.items():
        if feature.shape != (dim,):
            shape = " x ".join(map(str, feature.shape)) or "no"
            message = f"a vector of {space.encoder} has {dim} numbers, this has {shape}"
            hint = "give the raw feature of one image, not yet mapped"
            parsed[at].fail(InvalidInputError(message, hint=hint))
        elif not np.isfinite(feature).all() or not feature.any():
            message = "a vector has NaN or infinite numbers, or is all zeros"
            parsed[at].fail(InvalidInputError(message, hint="encode the image again"))
    usable = [at for at in features if parsed[at].error is None]
    if usable:
        raw = np.stack([features[at] for at in usable])
        if parts := snapshot.encoders.parts(space.encoder):
            raw = scale_parts(raw, parts)
        vectors[usable] = snapshot.pair(space.encoder, space.mapper).synth(raw)


def _decode(parsed: list[ParsedQuestion], batch: list[int], profiles: str) -> dict[int, Image.Image]:
    """The pictures of the questions `batch` that can be decoded, with `profiles` as its encoder has them."""
    images = {}
    for at in batch:
        try:
            images[at] = decode_image(parsed[at].data or b"", profiles=profiles)
        except AttribaseError as error:
            parsed[at].fail(error)
        else:
            parsed[at].one_colour = is_one_colour(images[at])
    return images


def _encode(
    images: list[Image.Image], prompts: list[str], snapshot: Snapshot, space: SearchSpace
) -> NDArray[np.float32]:
    """Pictures to unit rows (images, dim): encode, map by h~."""
    pair = snapshot.pair(space.encoder, space.mapper)
    network = snapshot.network(space.encoder)
    raw = network.encode(images, prompts) if any(prompts) and network.captions else network.encode(images)
    return np.asarray(pair.synth(raw), np.float32)
