"""Worked examples for the report: a model's exemplars, its samples, and the answers about one of them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..query import Answer, Features, attribute, influence_by
from ..store import Store
from ..store.lookup import is_in, quote
from .findings import median_samples
from .settings import DemoSettings
from .tables import case_title

RESULTS = 7
SAMPLES = 8
ALPHA = 0.1
LARGEST, SMALLEST = 104, 40  # pixels a side
BEST_OF, MEDIAN_OF, WEAKEST_OF = "best of its case", "median of its case", "weakest of its case"
CHOICES: tuple[tuple[str, float, str | None], ...] = (
    (BEST_OF, 0.0, None),
    (MEDIAN_OF, 0.5, "object_unseen"),
    (MEDIAN_OF, 0.5, "style_unseen"),
    (WEAKEST_OF, 1.0, "object_unseen"),
)
"""What is chosen, its position in the order by AP, and the case; None for one of each."""


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
    """The best results with one mapper, the influence of all others, and whether it says "none of these"."""

    name: str
    results: list[ResultImage]
    remaining: str
    verdict: str = ""


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


def worked_examples(store: Store, settings: DemoSettings) -> list[WorkedExample]:
    """Models of each test case chosen by CHOICES, and a picture that none of the images influenced."""
    by_case: dict[str, list[dict[str, Any]]] = {}
    for row in median_samples(store, settings.joint):
        by_case.setdefault(row["case_name"], []).append(row)
    examples = [
        _worked_example(store, settings, models[round(position * (len(models) - 1))], choice)
        for choice, position, only in CHOICES
        for case, models in sorted(by_case.items())
        if only in (None, case)
    ]
    return examples + _uninfluenced(store, settings, by_case)


def _worked_example(
    store: Store, settings: DemoSettings, model: dict[str, Any], choice: str
) -> WorkedExample:
    """`model`: a row of `median_samples`."""
    exemplars = set(model["exemplar_ids"])
    images = _read_credits(store, list(exemplars))
    credit = sorted({f"{row['creator']} ({row['license']})" for row in images})
    raw = _ask(store, settings.raw, model["sample_id"])
    joint = _ask(store, settings.joint, model["sample_id"])
    return WorkedExample(
        title=_title(model),
        case=case_title(str(model["case_name"])),
        choice=choice,
        credit="by " + ", ".join(credit),
        exemplars=_load_images(store, "images", sorted(exemplars), "exemplar"),
        samples=_load_samples(store, model["model_id"]),
        controls=_load_samples(store, model["control_id"]),
        query=_load_images(store, "samples", [model["sample_id"]], model["prompt"])[0],
        answers=[
            _mapper_answer(store, raw, "raw features", exemplars),
            _mapper_answer(store, joint, "several encoders, mapped", exemplars),
        ],
        creators=_creator_shares(store, joint, {row["creator"] for row in images}),
    )


def _uninfluenced(
    store: Store, settings: DemoSettings, by_case: dict[str, list[dict[str, Any]]]
) -> list[WorkedExample]:
    """A sample of the untouched base: the first of the median model of unseen objects' control."""
    models = [row for row in by_case.get("object_unseen", []) if row["control_id"]]
    if not models:
        return []
    model = models[len(models) // 2]
    rows = _sample_rows(store, model["control_id"])
    answer = _ask(store, settings.joint, rows[0]["sample_id"])
    return [
        WorkedExample(
            title="No image: a sample of the untouched generator",
            case="control",
            choice="the prompts of " + model["concept"],
            credit="",
            exemplars=[],
            samples=[],
            controls=_load_samples(store, model["control_id"]),
            query=_load_images(store, "samples", [rows[0]["sample_id"]], rows[0]["prompt"])[0],
            answers=[_mapper_answer(store, answer, "several encoders, mapped", set())],
            creators=[],
        )
    ]


def _ask(store: Store, features: Features, sample_id: str) -> Answer:
    return attribute(
        store, sample_id, encoder=features.encoder, mapper=features.mapper, k=RESULTS, alpha=ALPHA
    )


def _title(model: dict[str, Any]) -> str:
    if model["concept_kind"] == "style":
        return f"{len(model['exemplar_ids'])} images in one style: {model['concept']}"
    return f"One image: {model['concept']}"


def _mapper_answer(store: Store, answer: Answer, label: str, exemplars: set[str]) -> MapperAnswer:
    results = answer.to_dict()["results"]
    data = _data_uris(store, "images", [result["image_id"] for result in results])
    images = [
        ResultImage(
            data=data[result["image_id"]],
            title=f"{result['caption']}: similarity {result['similarity']:.3f}",
            creator=result["creator"] or "unknown",
            influence=_percent(result["influence"]),
            size=max(SMALLEST, round(LARGEST * (result["influence"] or 0.0) ** 0.5)),
            true=result["image_id"] in exemplars,
        )
        for result in results
    ]
    rest = f"+ {_percent(answer.remaining)} over all others"
    if answer.null_share is not None:
        rest += f", {_percent(answer.null_share)} to no image"
    return MapperAnswer(label, images, rest, _verdict(answer))


def _verdict(answer: Answer) -> str:
    """Whether the answer names sources at the level ALPHA, and how sure that is."""
    said = "some of these" if answer.attributed else "none of these"
    return f"{said} (p = {answer.p_none:.2g}, level {ALPHA:g})"


def _creator_shares(store: Store, answer: Answer, owners: set[str]) -> list[CreatorShare]:
    shares = influence_by(store, answer, "creator")[:5]
    return [
        CreatorShare(
            share.name or "unknown",
            _percent(share.influence),
            100 * (share.influence or 0.0),
            share.name in owners,
        )
        for share in shares
    ]


def _load_samples(store: Store, model_id: str | None) -> list[LabelledImage]:
    """Up to SAMPLES samples of a model, by seed and then scheme."""
    if model_id is None:
        return []
    rows = _sample_rows(store, model_id)[:SAMPLES]
    data = _data_uris(store, "samples", [row["sample_id"] for row in rows])
    return [LabelledImage(data[row["sample_id"]], row["prompt"]) for row in rows]


def _sample_rows(store: Store, model_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = store.read(
        "samples", ["sample_id", "scheme", "prompt", "seed"], where=f"model_id = {quote(model_id)}"
    ).to_pylist()
    return sorted(rows, key=lambda row: (row["seed"], row["scheme"], row["sample_id"]))


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
