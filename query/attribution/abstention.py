"""Whether none of the images may have made a picture, and the set of images that holds its exemplars.

What is stored of an encoder and mapper (runtime/abstention.py) is of one pool; answers say where they are of
another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...runtime.abstention import Abstention
from ...runtime.conformal import is_at_most, least_p_value, models_needed
from ...runtime.moments import GalleryMoments, ids_digest
from ...store.errors import ConflictError, InvalidInputError
from ...store.ids import vectors_table
from .answer import Answer
from .calibration import sample_models, training_hint
from .query_vectors import QueryVectors
from .request import Request

if TYPE_CHECKING:
    from ..search import Pool, SearchSpace
    from ..session import Snapshot

ALL_KINDS = "all"
"""The kind that stands for the models of all kinds."""


@dataclass(frozen=True)
class Reference:
    """The models that one question is judged by: those of `kind` (None: of all kinds)."""

    kind: str | None
    scores: Abstention


@dataclass(frozen=True)
class Judgement:
    """How the questions of one request are judged.

    Attributes:
        alpha: the level, or None.
        mean: (questions,) of the similarities to the gallery.
        spread: (questions,) their standard deviation.
        references: of each question.
        lines: (questions,) the similarity from which on images are in the set; None without alpha.
        notes: what all answers say of the pool.
    """

    alpha: float | None
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    references: tuple[Reference, ...]
    lines: NDArray[np.float64] | None
    notes: tuple[str, ...]

    def judge(self, at: int, answer: Answer, set_size: int | None) -> Answer:
        """The answer to question `at` with p_none, and with whether images are in the set of `set_size`."""
        reference, line = self.references[at], None if self.lines is None else self.lines[at]
        results, p_none = answer.results, None
        if results:
            score = (results[0].similarity - self.mean[at]) / self.spread[at]
            p_none = float(reference.scores.p_values(score, reference.kind)[0])
        if line is not None:
            results = tuple(replace(one, in_set=bool(one.similarity >= line)) for one in results)
        return replace(
            answer,
            results=results,
            alpha=self.alpha,
            kind=reference.kind,
            p_none=p_none,
            attributed=None if self.alpha is None or p_none is None else is_at_most(p_none, self.alpha),
            set_size=set_size,
            notes=(*answer.notes, *self.notes, *self._notes_of(reference, answer, set_size)),
        )

    def _notes_of(self, reference: Reference, answer: Answer, set_size: int | None) -> Iterator[str]:
        """What one answer says of its level: too few models, a search that ended before the set did."""
        if self.alpha is None:
            return
        models = len(reference.scores.of_kind(reference.kind))
        if not is_at_most(least_p_value(models), self.alpha):
            of_kind = "" if reference.kind is None else f" of the kind {reference.kind!r}"
            yield (
                f"{models} validation models{of_kind} do not support alpha {self.alpha:g}, which takes "
                f"{models_needed(self.alpha)}: nothing is attributed, and the set is the whole pool"
            )
        elif answer.method == "index" and set_size is None:
            yield "the search ended before all of the set was found: search exactly to know its size"
        elif answer.method == "index" and answer.searched < answer.pool_size:
            yield "the set was searched through an index, which can miss images of it"


@dataclass
class _Judge:
    """Reads what is stored for a space, and finds what each question is to be judged by."""

    snapshot: Snapshot
    space: SearchSpace
    request: Request
    scores: Abstention
    moments: GalleryMoments
    _thresholds: dict[tuple[str | None, str | None], float] = field(default_factory=dict)

    def judgement(self, pool: Pool, asked: QueryVectors) -> Judgement:
        """How these questions are judged."""
        mean, spread = self.moments.spread(asked.vectors)
        models = sample_models(self.snapshot, asked.samples)
        references = tuple(self._reference(*one) for one in models)
        alpha, lines = self.request.alpha, None
        if alpha is not None:
            thresholds = [
                self._threshold(alpha, reference, model)
                for reference, (model, _) in zip(references, models, strict=True)
            ]
            lines = mean + np.array(thresholds) * spread
        return Judgement(alpha, mean, spread, references, lines, tuple(self._notes(pool)))

    def _reference(self, model: str | None, kind: str | None) -> Reference:
        """By a sample's kind, unless the request says which; a model is never judged by itself."""
        asked, known = self.request.kind, self.scores.kinds()
        if asked is not None:
            kind = None if asked == ALL_KINDS else asked
            if kind is not None and kind not in known:
                raise InvalidInputError(
                    f"no validation model has the kind {kind!r}",
                    hint=f"use {', '.join([*sorted(known), ALL_KINDS])}",
                )
        return Reference(kind if kind in known else None, self.scores.without(model))

    def _threshold(self, alpha: float, reference: Reference, model: str | None) -> float:
        left_out = model if len(reference.scores.models) < len(self.scores.models) else None
        key = (reference.kind, left_out)
        if key not in self._thresholds:
            self._thresholds[key] = reference.scores.threshold(alpha, reference.kind)
        return self._thresholds[key]

    def _notes(self, pool: Pool) -> Iterator[str]:
        whole = self.space.pool("all")
        if not self._is_the_pool(whole):
            yield (
                f"p_none and the set are of a pool of {self.scores.pool_size:,} images that has changed; "
                f" {whole.size:,} are embedded now: {train_command(self.space)}"
            )
        if self.request.alpha is not None and pool.size < whole.size:
            yield (
                "the pool is a part of the one that was trained on: p_none is at least as large as for this "
                "part alone, and exemplars outside of it are in no set"
            )

    def _is_the_pool(self, whole: Pool) -> bool:
        """Whether the pool of all images is the one that was trained on."""
        space, versions = self.space, self.snapshot.pinned.versions
        tables = ("members", "models", vectors_table(space.encoder))
        if all(self.scores.table_versions.get(table) == versions.get(table) for table in tables):
            return True
        return whole.size == self.scores.pool_size and self.scores.pool_digest == self.snapshot.cached(
            ("pool digest", space.encoder, space.mapper),
            lambda: whole.digest or ids_digest(space.ids.filter(whole.mask)),
            *tables,
        )


def judge_questions(
    snapshot: Snapshot,
    space: SearchSpace,
    pool: Pool,
    request: Request,
    asked: QueryVectors,
) -> tuple[Judgement | None, tuple[str, ...]]:
    """How these questions are judged, or None where nothing was trained for it; and what answers say of that.

    Args:
        snapshot: the versions to read.
        space: the encoder and mapper.
        pool: what the questions are asked of.
        request: with `alpha` what was not trained is an error.
        asked: the questions; none has an error.

    Raises:
        ConflictError: there is an `alpha`, and no abstention was trained, or one for another mapper.
        InvalidInputError: no validation model has the `kind` that was asked for.
    """
    scores, moments = snapshot.abstention(space.encoder, space.mapper)
    if scores is None or moments is None:
        if request.alpha is None and request.kind in (None, ALL_KINDS):
            return None, ()
        hint = training_hint(snapshot, space.encoder, "levels", train_command(space))
        raise ConflictError(
            f"no abstention was trained for {space.encoder} with {space.mapper}",
            hint=hint or "ask without alpha",
        )
    of_mapper = snapshot.mapper_digest(space.encoder, space.mapper)
    if not of_mapper == scores.mapper_digest == moments.mapper_digest:
        message = f"the mapper {space.mapper!r} was trained again since its abstention was"
        if request.alpha is None:
            return None, (f"{message}: {train_command(space)}",)
        raise ConflictError(message, hint=train_command(space))
    return _Judge(snapshot, space, request, scores, moments).judgement(pool, asked), ()


def train_command(space: SearchSpace) -> str:
    """The command that trains the abstention of a space."""
    return f"attribase -s STORE train abstention --encoder {space.encoder} --mapper {space.mapper}"


def verdict(answer: Answer) -> Iterator[str]:
    """What an answer says at its level, a line for the attribution and one for the set; nothing without."""
    if answer.alpha is None or answer.p_none is None:
        return
    said = "attributed" if answer.attributed else "none of these"
    yield (
        f"{said}: up to {100 * answer.p_none:.3g}% of pictures that owe nothing to these images have a match "
        f"as good (p_none {answer.p_none:.3g}, alpha {answer.alpha:g})"
    )
    size = "unknown how many" if answer.set_size is None else f"{answer.set_size:,}"
    inside = sum(bool(result.in_set) for result in answer.results)
    yield (
        f"the set with at least {100 * (1 - answer.alpha):g}% of the exemplars on average: {size} of "
        f"{answer.embedded:,} images, {inside} of the {len(answer.results)} listed"
    )
