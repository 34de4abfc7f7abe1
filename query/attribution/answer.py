"""The answer to one question: ranked images, how much each contributed, and how complete that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...store.errors import AttribaseError, InvalidInputError
from .answer_tables import flat_table, shares_table
from .evidence import Evidence  # at run time: the service makes a schema of the annotations
from .provenance import LIMITS, AnswerProvenance
from .state import SIMILAR

if TYPE_CHECKING:
    import polars

    from ..search import Pool, SearchSpace
    from ..search.topk import Floats
    from ..session import Snapshot
    from .influence import Candidates
    from .pictures import AnswerPictures


DETAILS = ("uri", "creator", "license", "category", "caption")
"""The columns of `images` that a result has."""


@dataclass(frozen=True)
class Result:
    """One image, its rank and its share; `influence` is None where nothing is calibrated.

    Where near-duplicates are grouped, `copies` are the images that share its place, and `influence` is that
    of all of them. `in_set`: whether it is in the set of the answer's level; None without one.
    """

    image_id: str
    rank: int
    similarity: float
    influence: float | None
    uri: str | None = None
    creator: str | None = None
    license: str | None = None
    category: str | None = None
    caption: str | None = None
    copies: tuple[str, ...] = ()
    in_set: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return {**vars(self), "copies": list(self.copies)}


@dataclass(frozen=True)
class OwnerShare:
    """An owner of images of the pool; `name` is None for all images without one.

    Attributes:
        influence: of all images of the owner; None where nothing is calibrated.
        images: how many of them have any; where nothing is calibrated how many were compared.
        owned: the share of the pool's images with a vector that are the owner's.
        similarity: of the owner's best match.
        image_id: of the owner's best match.
    """

    name: str | None
    influence: float | None
    images: int
    owned: float
    similarity: float
    image_id: str

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(vars(self))


@dataclass(frozen=True)
class ComparedImages:
    """All images of `pool` that were found to have influence, or that were compared with `vector` (dim,)."""

    snapshot: Snapshot
    space: SearchSpace
    pool: Pool
    vector: Floats
    found: Candidates


@dataclass(frozen=True)
class Answer:
    """The images of a pool that influenced one generated image, best first.

    Attributes:
        pool_size: how many images are in the pool.
        embedded: how many of them have a vector; the others cannot be compared.
        searched: how many of those were compared.
        exact: every image of the pool was compared, and influence is of the whole pool.
        results: best first by similarity, ties by image id.
        remaining: the influence of images that are not listed. With those that are listed and `null_share`
            it sums to 1.
        complete: no image that was not compared has any influence: every image of the pool has a vector, and
            all were compared or the search has passed the similarity at and below which there is none.
        method: `exact`, or `index`. Influence is normalised over the `searched` images.
        recall: the share of the best images that the index was measured to find; None for `exact`.
        null_share: the influence of what is not in the pool; 0 by the law of the paper.
        law: what influence was computed by: `paper` (eq. 6, with `tau` and `lam`) or `spread`; None where
            nothing is calibrated.
        unseen: the largest share of the influence that the other images could have, if they are less similar
            than those that were compared; None where nothing is calibrated, and where images of the pool have
            no vector: nothing is known of these.
        shares: the owners by the field `by`, largest influence first; where nothing is calibrated all owners
            of images that were compared, by their best match.
        alpha: the level that was asked for.
        kind: the concept kind whose models `p_none` and the set are by; None for those of all kinds.
        p_none: how likely a picture that owes nothing to the pool has a best match as good as this; None
            where no abstention was trained.
        attributed: whether p_none is at most alpha: False says "none of these". None without alpha.
        set_size: how many images of the pool are in the set that holds, on average, at least 1 - alpha of the
            exemplars; None without alpha, and where a search through the index ended before the set did.
        evidence: how often answers like this were right on test pictures, or why that is not known; None
            without results.
        provenance: what was asked of which state of the store, when, by which software; None without details.
        state: what the answer as a whole says: one of STATES.
        state_text: the same in a sentence, with the reason; empty where shares are given.
        compared: what owners can be counted of later; None where many questions were answered at once.
        pictures: where the pictures of the question and of the results are read from; None without details.
    """

    query: str
    encoder: str
    mapper: str
    pool: str
    pool_size: int
    embedded: int
    searched: int
    exact: bool
    results: tuple[Result, ...]
    remaining: float | None
    tau: float | None = None
    lam: float | None = None
    notes: tuple[str, ...] = ()
    complete: bool = True
    method: str = "exact"
    recall: float | None = None
    unseen: float | None = None
    where: str | None = None
    by: str | None = None
    shares: tuple[OwnerShare, ...] = ()
    alpha: float | None = None
    kind: str | None = None
    p_none: float | None = None
    attributed: bool | None = None
    set_size: int | None = None
    law: str | None = None
    null_share: float | None = None
    evidence: Evidence | None = None
    provenance: AnswerProvenance | None = field(default=None, compare=False)
    state: str = SIMILAR
    state_text: str = ""
    compared: ComparedImages | None = field(default=None, repr=False, compare=False)
    pictures: AnswerPictures | None = field(default=None, repr=False, compare=False)

    @property
    def candidates(self) -> pa.Table | None:
        """(image_id, influence) of all images that were found to have any.

        None where nothing is calibrated, and where many questions were answered at once.
        """
        compared = self.compared
        if compared is None or compared.found.influence is None:
            return None
        ids = pa.array(compared.space.rows.ids_of(compared.found.rows), pa.string())
        return pa.table({"image_id": ids, "influence": compared.found.influence})

    def to_arrow(self, *, shares: bool = False) -> pa.Table:
        """A row for each result, or for each owner with `shares`, with the columns of CSV and Arrow files.

        Raises:
            InvalidInputError: `shares` of an answer that was asked without `by`.
        """
        if not shares:
            return flat_table([self])
        if self.by is None:
            raise InvalidInputError("the answer has no shares of owners", hint="ask with by='creator'")
        return shares_table([self], self.by)

    def to_polars(self, *, shares: bool = False) -> polars.DataFrame:
        """`to_arrow` as a frame of polars."""
        import polars

        frame = polars.from_arrow(self.to_arrow(shares=shares))
        return frame if isinstance(frame, polars.DataFrame) else frame.to_frame()

    def _repr_html_(self) -> str:
        """The answer in a notebook: the pictures with their shares, owners, and remarks."""
        from .cell import answer_cell

        return answer_cell(self.to_dict(), self.pictures)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: plain strings, numbers, lists and nulls, by the names of the attributes.

        `limits` are the sentences on what no answer is.
        """
        hidden = ("compared", "pictures")
        plain = {name: value for name, value in vars(self).items() if name not in hidden}
        return plain | {
            "results": [result.to_dict() for result in self.results],
            "shares": [share.to_dict() for share in self.shares],
            "notes": list(self.notes),
            "evidence": self.evidence.to_dict() if self.evidence else None,
            "provenance": self.provenance.to_dict() if self.provenance else None,
            "limits": list(LIMITS),
        }


@dataclass(frozen=True)
class FailedQuestion:
    """A question among several that has no answer, and why."""

    query: str
    error: AttribaseError

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: the question and, as `error`, what the service sends for such an error."""
        error = self.error
        return {
            "query": self.query,
            "error": {"message": str(error), "hint": error.hint, "status": error.status},
        }
