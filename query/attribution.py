"""Attribution: which images of the pool made a picture, and how much did each contribute."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..store.errors import ConflictError, InvalidInputError, NotFoundError
from ..store.ids import content_id
from .answer import DETAILS, Answer, Result, collect, image_details
from .candidates import Candidates
from .cases import gallery_ids
from .features import Features, Pinned
from .registry import calibration, choose_encoder, choose_mapper

if TYPE_CHECKING:
    from ..store import Store

POOLS = ("all", "gallery")


def attribute(
    store: Store,
    query: str | Path | bytes,
    *,
    encoder: str | None = None,
    mapper: str | None = None,
    k: int = 10,
    pool: str = "all",
) -> Answer:
    """Name the `k` images of the pool that are most similar to a generated image, with their influence.

    Influence (eq. 6) is summed over the whole pool, so the answer is exact whatever `k` is; without a
    calibration of this encoder and mapper it is None, and `notes` says so.

    Args:
        store: the store.
        query: an image file, the bytes of one, a sample_id or a stored sample's uri. It is treated as a
            generated image: h~ maps it.
        encoder: which features; the first one by name when left out.
        mapper: which mapper, or `none`; the newest one when left out, `none` where there is none.
        k: how many images to name, 1 or more.
        pool: `all` is the gallery and every exemplar, `gallery` the gallery alone.

    Raises:
        NotFoundError: no such file, sample, encoder or mapper.
        DataError: the bytes are no image.
        InvalidInputError: k or pool out of range.
        ConflictError: an empty gallery, or vectors that the mapper has not mapped.

    Source: arXiv:2306.09345 eq. 6.
    """
    _check(k, pool)
    encoder = choose_encoder(store, encoder)
    mapper = choose_mapper(store, encoder, mapper)
    pinned = Pinned.now(store)
    features = Features(pinned, encoder, mapper)
    name, vector = _query_vector(store, query, features)
    candidates = Candidates(features, _pool_ids(pinned, pool))
    if not len(candidates):
        raise ConflictError(
            f"no image of the pool {pool!r} has a vector of {encoder}",
            hint=f"attribase -s STORE ingest embed --encoder {encoder}",
        )
    similarities = np.concatenate([block @ vector for block in candidates.blocks()])
    notes = [f"{candidates.missing} images of the pool have no vector"] if candidates.missing else []
    answer = Answer(
        query=name,
        encoder=encoder,
        mapper=mapper,
        pool=pool,
        pool_size=len(candidates),
        exact=True,
        results=(),
        remaining=None,
        notes=tuple(notes),
    )
    return _with_results(store, answer, candidates.ids, similarities, k)


def _check(k: int, pool: str) -> None:
    if k < 1:
        raise InvalidInputError(f"k is {k}", hint="ask for 1 image or more")
    if pool not in POOLS:
        raise InvalidInputError(f"there is no pool {pool!r}", hint=f"use {' or '.join(POOLS)}")


def _with_results(
    store: Store, answer: Answer, ids: pa.Array, similarities: NDArray[np.float32], k: int
) -> Answer:
    """`answer` with the ranked images and, where there is a calibration, their influence."""
    from ..runtime.influence import influence  # imported late: the runtime brings ONNX along

    found = calibration(store, answer.encoder, answer.mapper)
    if found is None:
        note = (
            f"no influence: {answer.encoder} with {answer.mapper} is not calibrated; attribase -s STORE "
            f"train calibration --encoder {answer.encoder} --mapper {answer.mapper}"
        )
        results = _described(store, collect(ids, similarities, None, k))
        return replace(answer, results=results, notes=(*answer.notes, note))
    shares = influence(similarities, found.tau, found.lam)
    results = _described(store, collect(ids, similarities, shares, k))
    counted = shares > 0
    return replace(
        answer,
        results=results,
        remaining=max(0.0, 1.0 - sum(result.influence or 0.0 for result in results)),
        tau=found.tau,
        lam=found.lam,
        candidates=pa.table({"image_id": ids.filter(pa.array(counted)), "influence": shares[counted]}),
    )


def _described(store: Store, results: list[Result]) -> tuple[Result, ...]:
    """The results with what the store knows of their images."""
    table = image_details(store, [result.image_id for result in results])
    known = {row["image_id"]: {name: row[name] for name in DETAILS} for row in table.to_pylist()}
    return tuple(replace(result, **known.get(result.image_id, {})) for result in results)


def _pool_ids(pinned: Pinned, pool: str) -> pa.Array:
    gallery = gallery_ids(pinned)
    if pool == "gallery":
        return gallery
    exemplars = pinned.rows("models", ["exemplar_ids"])["exemplar_ids"].combine_chunks().flatten()
    return pc.unique(pa.concat_arrays([gallery, exemplars.cast(gallery.type)]))


def _query_vector(
    store: Store, query: str | Path | bytes, features: Features
) -> tuple[str, NDArray[np.float32]]:
    """What the query is called and its unit vector (dim,)."""
    if isinstance(query, bytes):
        return content_id(query), _encode(store, query, features)
    path = Path(query)
    try:
        if path.is_file():
            return str(query), _encode(store, path.read_bytes(), features)
    except OSError as error:  # a name too long for a file, or one that may not be read
        if isinstance(query, Path):
            raise NotFoundError(f"cannot read {query}: {error.strerror}", hint="name another file") from error
    sample = _find_sample(store, str(query))
    if features.positions([sample])[0] >= 0:
        return str(query), features.rows([sample])[0]
    ((_, data),) = store.blobs("samples", "bytes", [sample])
    if data is None:
        raise NotFoundError(
            f"the sample {sample} has neither a {features.encoder} vector nor bytes",
            hint="give its image file instead",
        )
    return str(query), _encode(store, data, features)


def _find_sample(store: Store, name: str) -> str:
    """The sample with this id or uri, the first by id where several share a uri. NotFoundError when none."""
    condition: Any = (pc.field("sample_id") == name) | (pc.field("uri") == name)
    rows = store.dataset("samples").scanner(columns=["sample_id"], filter=condition).to_table()
    if not rows.num_rows:
        raise NotFoundError(
            f"{name!r} is no file, sample_id or sample's uri",
            hint='list them: attribase -s STORE query sql "select sample_id, uri, prompt from samples"',
        )
    return str(min(rows["sample_id"].to_pylist()))


def _encode(store: Store, data: bytes, features: Features) -> NDArray[np.float32]:
    """A picture to its unit vector (dim,): decode, encode, h~."""
    from ..runtime import MapperPair, decode_image, load_encoder  # imported late: loads ONNX

    pair = MapperPair.load(store, features.encoder, features.mapper)
    raw = load_encoder(store, features.encoder).encode([decode_image(data)])
    return np.asarray(pair.synth(raw)[0], np.float32)
