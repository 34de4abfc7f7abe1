"""The stories of the report: exemplar, what its model draws, and whom the answer names."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..query import Answer, attribute, influence_by
from ..runtime.mapper import RAW
from ..store import Store
from ..store.lookup import is_in, quote
from .findings import BEST, middle_samples

HITS = 7
SAMPLES = 8
MAPPERS = ((RAW, "raw features say"), (BEST, "mapped and calibrated"))
LARGEST, SMALLEST = 104, 40
PLACES = ((0.0, "the best found of its case"), (0.5, "the middle one of its case"))


@dataclass(frozen=True)
class Picture:
    """An image as a data URI, with what it is."""

    data: str
    title: str


@dataclass(frozen=True)
class Hit:
    """One training image of an answer; `size` in pixels grows with its influence."""

    data: str
    title: str
    creator: str
    influence: str
    size: int
    true: bool


@dataclass(frozen=True)
class Answered:
    """The best hits of one mapper."""

    name: str
    hits: list[Hit]
    remaining: str


@dataclass(frozen=True)
class CreatorShare:
    """A creator's part of the influence in the picture that was asked about."""

    creator: str
    percent: str
    width: float
    true: bool


@dataclass(frozen=True)
class Story:
    """One customized model, one of its samples, and the answers about it."""

    title: str
    case: str
    place: str
    credit: str
    exemplars: list[Picture]
    samples: list[Picture]
    controls: list[Picture]
    query: Picture
    answers: list[Answered]
    creators: list[CreatorShare] = field(default_factory=list)


def tell_stories(store: Store, encoder: str) -> list[Story]:
    """For each test case the model whose exemplars are found best, and the one in the middle (mapped AP)."""
    by_case: dict[str, list[dict[str, Any]]] = {}
    for row in middle_samples(store, encoder):
        by_case.setdefault(row["case_name"], []).append(row)
    return [
        _story(store, encoder, models[min(int(share * len(models)), len(models) - 1)], place)
        for share, place in PLACES
        for _, models in sorted(by_case.items())
    ]


def _story(store: Store, encoder: str, model: dict[str, Any], place: str) -> Story:
    """`model`: a row of models_by_precision: its ids, its middle sample, and its control's id."""
    exemplars = set(model["exemplar_ids"])
    images = _images(store, list(exemplars))
    credit = sorted({f"{row['creator']} ({row['license']})" for row in images})
    given = {
        mapper: attribute(store, model["sample_id"], encoder=encoder, mapper=mapper, k=HITS)
        for mapper, _ in MAPPERS
    }
    return Story(
        title=_title(model),
        case=str(model["case_name"]).replace("_", ", "),
        place=place,
        credit="by " + ", ".join(credit),
        exemplars=_pictures(store, "images", sorted(exemplars), "exemplar"),
        samples=_drawn(store, model["model_id"]),
        controls=_drawn(store, model["control_id"]),
        query=_pictures(store, "samples", [model["sample_id"]], model["prompt"])[0],
        answers=[_answered(store, given[mapper], label, exemplars) for mapper, label in MAPPERS],
        creators=_creators(store, given[BEST], {row["creator"] for row in images}),
    )


def _title(model: dict[str, Any]) -> str:
    if model["concept_kind"] == "style":
        return f"{len(model['exemplar_ids'])} pictures in one style: {model['concept']}"
    return f"One picture: {model['concept']}"


def _answered(store: Store, answer: Answer, label: str, exemplars: set[str]) -> Answered:
    hits = answer.to_dict()["results"]
    most = max((hit["influence"] or 0.0 for hit in hits), default=0.0) or 1.0
    data = _data_uris(store, "images", [hit["image_id"] for hit in hits])
    shown = [
        Hit(
            data=data[hit["image_id"]],
            title=f"{hit['caption']}: similarity {hit['similarity']:.3f}",
            creator=hit["creator"] or "unknown",
            influence=_percent(hit["influence"]),
            size=round(SMALLEST + (LARGEST - SMALLEST) * ((hit["influence"] or 0.0) / most) ** 0.5),
            true=hit["image_id"] in exemplars,
        )
        for hit in hits
    ]
    rest = max(0.0, 1.0 - sum(hit["influence"] or 0.0 for hit in hits))
    return Answered(label, shown, f"+ {_percent(rest)} spread over all others")


def _creators(store: Store, answer: Answer, owners: set[str]) -> list[CreatorShare]:
    shares = influence_by(store, answer, "creator")[:5]
    most = max((share.influence for share in shares), default=1.0) or 1.0
    return [
        CreatorShare(
            share.name or "unknown",
            _percent(share.influence),
            100 * share.influence / most,
            share.name in owners,
        )
        for share in shares
    ]


def _drawn(store: Store, model_id: str | None) -> list[Picture]:
    """Up to eight samples of a model, as many of each scheme."""
    if model_id is None:
        return []
    rows = store.read(
        "samples", ["sample_id", "scheme", "prompt", "seed"], where=f"model_id = {quote(model_id)}"
    ).to_pylist()
    rows.sort(key=lambda row: (row["seed"], row["scheme"], row["sample_id"]))
    data = _data_uris(store, "samples", [row["sample_id"] for row in rows[:SAMPLES]])
    return [Picture(data[row["sample_id"]], row["prompt"]) for row in rows[:SAMPLES]]


def _pictures(store: Store, table: str, ids: Sequence[str], title: str) -> list[Picture]:
    data = _data_uris(store, table, ids)
    return [Picture(data[item], title) for item in ids]


def _images(store: Store, ids: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = store.read(
        "images", ["image_id", "creator", "license"], where=is_in("image_id", ids)
    ).to_pylist()
    return rows


def _data_uris(store: Store, table: str, ids: Sequence[str]) -> dict[str, str]:
    """PNG data URIs by id; an image that is only referenced gets an empty picture."""
    return {
        item: "data:image/png;base64," + base64.b64encode(data or b"").decode()
        for item, data in store.blobs(table, "bytes", list(ids))
    }


def _percent(share: float | None) -> str:
    if share is None:
        return "not calibrated"
    return f"{100 * share:.1f}%" if share >= 0.0005 else "<0.1%" if share > 0 else "0%"
