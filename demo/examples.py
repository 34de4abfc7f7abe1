"""Worked examples for the report: a model's exemplars, its samples, and the answers about one of them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..query import Answer, attribute, influence_by
from ..runtime.mapper import RAW
from ..store import Store
from ..store.lookup import is_in, quote
from .findings import median_samples
from .settings import TUNED
from .tables import case_title

RESULTS = 7
SAMPLES = 8
ANSWERED_BY = ((RAW, "raw features"), (TUNED, "mapped and calibrated"))
LARGEST, SMALLEST = 104, 40  # pixels a side
CHOICES = ((0.0, "best of its case"), (0.5, "median of its case"))  # position in the order by mapped AP


@dataclass(frozen=True)
class LabelledImage:
    """An image as a data URI, with its caption or prompt."""

    data: str
    title: str


@dataclass(frozen=True)
class ResultImage:
    """One training image of an answer; `size` in pixels grows with its influence."""

    data: str
    title: str
    creator: str
    influence: str
    size: int
    true: bool


@dataclass(frozen=True)
class MapperAnswer:
    """The best results with one mapper, and the influence of all others."""

    name: str
    results: list[ResultImage]
    remaining: str


@dataclass(frozen=True)
class CreatorShare:
    """A creator's share of the influence on the attributed sample."""

    creator: str
    percent: str
    width: float
    true: bool


@dataclass(frozen=True)
class WorkedExample:
    """One customized model, one of its samples, and the answers about it."""

    title: str
    case: str
    choice: str
    credit: str
    exemplars: list[LabelledImage]
    samples: list[LabelledImage]
    controls: list[LabelledImage]
    query: LabelledImage
    answers: list[MapperAnswer]
    creators: list[CreatorShare]


def worked_examples(store: Store, encoder: str) -> list[WorkedExample]:
    """For each test case, the models of best and of median mapped AP."""
    by_case: dict[str, list[dict[str, Any]]] = {}
    for row in median_samples(store, encoder):
        by_case.setdefault(row["case_name"], []).append(row)
    return [
        _worked_example(store, encoder, models[int(position * len(models))], choice)
        for position, choice in CHOICES
        for _, models in sorted(by_case.items())
    ]


def _worked_example(store: Store, encoder: str, model: dict[str, Any], choice: str) -> WorkedExample:
    """`model`: a row of `median_samples`."""
    exemplars = set(model["exemplar_ids"])
    images = _read_credits(store, list(exemplars))
    credit = sorted({f"{row['creator']} ({row['license']})" for row in images})
    answers = {
        mapper: attribute(store, model["sample_id"], encoder=encoder, mapper=mapper, k=RESULTS)
        for mapper, _ in ANSWERED_BY
    }
    return WorkedExample(
        title=_title(model),
        case=case_title(str(model["case_name"])),
        choice=choice,
        credit="by " + ", ".join(credit),
        exemplars=_load_images(store, "images", sorted(exemplars), "exemplar"),
        samples=_load_samples(store, model["model_id"]),
        controls=_load_samples(store, model["control_id"]),
        query=_load_images(store, "samples", [model["sample_id"]], model["prompt"])[0],
        answers=[_mapper_answer(store, answers[mapper], label, exemplars) for mapper, label in ANSWERED_BY],
        creators=_creator_shares(store, answers[TUNED], {row["creator"] for row in images}),
    )


def _title(model: dict[str, Any]) -> str:
    if model["concept_kind"] == "style":
        return f"{len(model['exemplar_ids'])} images in one style: {model['concept']}"
    return f"One image: {model['concept']}"


def _mapper_answer(store: Store, answer: Answer, label: str, exemplars: set[str]) -> MapperAnswer:
    results = answer.to_dict()["results"]
    most = max((result["influence"] or 0.0 for result in results), default=0.0) or 1.0
    data = _data_uris(store, "images", [result["image_id"] for result in results])
    images = [
        ResultImage(
            data=data[result["image_id"]],
            title=f"{result['caption']}: similarity {result['similarity']:.3f}",
            creator=result["creator"] or "unknown",
            influence=_percent(result["influence"]),
            size=round(SMALLEST + (LARGEST - SMALLEST) * ((result["influence"] or 0.0) / most) ** 0.5),
            true=result["image_id"] in exemplars,
        )
        for result in results
    ]
    rest = max(0.0, 1.0 - sum(result["influence"] or 0.0 for result in results))
    return MapperAnswer(label, images, f"+ {_percent(rest)} over all others")


def _creator_shares(store: Store, answer: Answer, owners: set[str]) -> list[CreatorShare]:
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


def _load_samples(store: Store, model_id: str | None) -> list[LabelledImage]:
    """Up to SAMPLES samples of a model, by seed and then scheme."""
    if model_id is None:
        return []
    rows = store.read(
        "samples", ["sample_id", "scheme", "prompt", "seed"], where=f"model_id = {quote(model_id)}"
    ).to_pylist()
    rows.sort(key=lambda row: (row["seed"], row["scheme"], row["sample_id"]))
    data = _data_uris(store, "samples", [row["sample_id"] for row in rows[:SAMPLES]])
    return [LabelledImage(data[row["sample_id"]], row["prompt"]) for row in rows[:SAMPLES]]


def _load_images(store: Store, table: str, ids: Sequence[str], title: str) -> list[LabelledImage]:
    data = _data_uris(store, table, ids)
    return [LabelledImage(data[item], title) for item in ids]


def _read_credits(store: Store, ids: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = store.read(
        "images", ["image_id", "creator", "license"], where=is_in("image_id", ids)
    ).to_pylist()
    return rows


def _data_uris(store: Store, table: str, ids: Sequence[str]) -> dict[str, str]:
    """PNG data URIs by id; an image stored without its bytes gets an empty one."""
    return {
        item: "data:image/png;base64," + base64.b64encode(data or b"").decode()
        for item, data in store.blobs(table, "bytes", list(ids))
    }


def _percent(share: float | None) -> str:
    if share is None:
        return "not calibrated"
    return f"{100 * share:.1f}%" if share >= 0.0005 else "<0.1%" if share > 0 else "0%"
