"""The labelled images of a retrieval: which are queries, which are candidates, and what each shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.check_items import check_members
from ...store.errors import NotFoundError, UnknownFieldError
from ...store.schema import IMAGES
from ..features import is_among
from ..image_fields import METADATA_FIELD, read_field
from ..search.space import SearchSpace

LABEL_COLUMNS = ("creator", "category", "license")
"""Columns of images that a label may be; every other label is a field of their metadata."""

SYNONYMS = {"artist": "creator"}
"""Labels of the literature, and the columns that hold them."""


@dataclass(frozen=True)
class Labelled:
    """The labelled images of a retrieval that have a vector.

    Attributes:
        label: the field, as `read_field` takes it.
        rows: (images,) their rows in the space, ascending.
        codes: (images,) the number of each one's value.
        values: (values,) the values by number.
        query: (images,) which are queries.
        candidate: (images,) which are candidates.
        without_vector: labelled images of either collection that cannot be compared.
    """

    label: str
    rows: NDArray[np.int64]
    codes: NDArray[np.int64]
    values: list[str]
    query: NDArray[np.bool_]
    candidate: NDArray[np.bool_]
    without_vector: int

    def relevant(self) -> NDArray[np.int64]:
        """(images,) how many other candidates have the image's own value."""
        counts = np.bincount(self.codes[self.candidate], minlength=len(self.values))
        own: NDArray[np.int64] = counts[self.codes] - self.candidate
        return own


def label_field(label: str, fields: tuple[str, ...] = LABEL_COLUMNS) -> str:
    """The field that holds `label`, as `read_field` takes it."""
    known = SYNONYMS.get(label, label)
    if known in fields or known.startswith(METADATA_FIELD):
        return known
    if known in IMAGES.names:
        raise UnknownFieldError(
            f"{label!r} is no label", hint=f"use {', '.join(LABEL_COLUMNS)}, or a field of the metadata"
        )
    return METADATA_FIELD + known


def read_labelled(
    space: SearchSpace, label: str, query_collection: str | None = None, gallery: str | None = None
) -> Labelled:
    """The labelled images of both collections in a space; none that checks made.

    Raises as `retrieve_by_label`.
    """
    field = read_field(space.pinned, label_field(label))
    members = space.pinned.read("members", ["collection", "image_id"])
    sides = [_members(members, name, field.image_ids) for name in (query_collection, gallery)]
    of_checks = is_among(field.image_ids, pa.array(check_members(members), pa.string()))
    labelled = pc.fill_null(pc.not_equal(field.values, ""), fill_value=False)
    chosen = np.asarray(labelled) & (sides[0] | sides[1]) & ~of_checks
    rows = space.rows.image_rows(field.image_ids.filter(pa.array(chosen)).to_pylist())
    coded = field.values.filter(pa.array(chosen)).dictionary_encode()
    order = np.argsort(rows, kind="stable")
    order = order[rows[order] >= 0]
    query, candidate = (side[chosen][order] for side in sides)
    codes = coded.indices.to_numpy().astype(np.int64)[order]
    found = Labelled(
        label=label_field(label),
        rows=rows[order],
        codes=codes,
        values=coded.dictionary.to_pylist(),
        query=query,
        candidate=candidate,
        without_vector=int(np.count_nonzero(rows < 0)),
    )
    if not (found.query & (found.relevant() > 0)).any():
        raise NotFoundError(
            f"no image with a {label} has another one of the same {label} to find",
            hint=f"embed them with {space.encoder}, or give them labels: attribase -s STORE ingest update "
            "--metadata FILE",
        )
    return found


def _members(members: pa.Table, collection: str | None, image_ids: pa.Array) -> NDArray[np.bool_]:
    """(image_ids,) which are in the collection; all where it is None. NotFoundError for an unknown one."""
    if collection is None:
        return np.ones(len(image_ids), bool)
    mine = members.filter(pc.equal(members["collection"], collection))["image_id"].combine_chunks()
    if not len(mine):
        known = sorted(set(members["collection"].to_pylist()))
        raise NotFoundError(
            f"there is no collection {collection!r}", hint=f"use {', '.join(known) or 'ingest images first'}"
        )
    return is_among(image_ids, mine)
