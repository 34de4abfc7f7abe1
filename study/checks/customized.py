"""Models that a check customizes on altered exemplars: the store's own test models, planned once more."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...ingest.specs import METHODS, ModelSpec, SampleSpec
from ...query.evaluation.cases import Sample
from ...store import Step, Store, key_id
from ...store.check_items import CHECK
from .check import CheckPlan

SPLIT, KIND = "test", "object"
"""Of the models whose exemplars are altered: those of one image, which is on its own in no other model."""

COLUMNS = (
    "model_id",
    "method",
    "base_model",
    "concept",
    "category",
    "concept_kind",
    "exemplar_ids",
    "split",
    "seed",
    "config",
)


@dataclass(frozen=True)
class Original:
    """A model of the store on one exemplar, and those of its samples that are drawn once more.

    Attributes:
        row: COLUMNS of its row.
        samples: rows of its samples: sample_id, scheme, prompt, seed.
    """

    row: dict[str, Any]
    samples: tuple[dict[str, Any], ...]

    @property
    def exemplar(self) -> str:
        """The image that it was customized on."""
        return str(self.row["exemplar_ids"][0])

    def altered(self, case_name: str, image: str) -> ModelSpec:
        """The same model on an altered exemplar: its prompts and seeds."""
        prompts = json.loads(self.row["config"] or "{}").get("training_prompts", ())
        return ModelSpec(
            concept_kind=KIND,
            concept=self.row["concept"],
            category=self.row["category"],
            case_name=case_name,
            split=CHECK,
            exemplar_ids=(image,),
            training_prompts=tuple(prompts),
            samples=tuple(SampleSpec(s["scheme"], s["prompt"], s["seed"]) for s in self.samples),
            method=self.row["method"],
            seed=self.row["seed"] or 0,
        )


def pick_originals(store: Store, models: int, samples: int) -> list[Original]:
    """`models` test models of one exemplar each, all of one method and base, with `samples` of each.

    The method and base are those that most such models have; samples are spread over the schemes. Models of
    an earlier version, whose training prompts or seeds are not known, are left out, and so are models that
    were customized elsewhere.
    """
    rows = store.read("models", COLUMNS, f"split = '{SPLIT}' and concept_kind = '{KIND}'").to_pylist()
    known = [row for row in rows if _can_be_repeated(row)]
    if not known:
        return []
    kinds = Counter((row["method"], row["base_model"]) for row in known)
    most = min(kinds, key=lambda kind: (-kinds[kind], kind))
    mine = [row for row in known if (row["method"], row["base_model"]) == most]
    by_model: dict[str, list[dict[str, Any]]] = {}
    for sample in store.read("samples", ["sample_id", "model_id", "scheme", "prompt", "seed"]).to_pylist():
        if sample["scheme"] and sample["prompt"] and sample["seed"] is not None:
            by_model.setdefault(sample["model_id"], []).append(sample)
    mine.sort(key=lambda row: key_id("check originals", row["model_id"]))
    originals: dict[str, Original] = {}
    for row in mine:
        own = _spread(by_model.get(row["model_id"], []), samples)
        if own and row["exemplar_ids"][0] not in originals:
            originals[row["exemplar_ids"][0]] = Original(row, tuple(own))
    return list(originals.values())[:models]


def make_models(store: Store, specs: Sequence[ModelSpec], base: str, plan: CheckPlan) -> Iterator[Step]:
    """Customize the models that are missing, by the settings of their method for `base`, and sample them.

    Raises NotFoundError where the base is not there.
    """
    from ...ingest.customize import customize, defaults_for
    from ...ingest.sample import sample, sample_defaults_for

    if specs:
        config = defaults_for(base, specs[0].method)
        yield from customize(store, specs, config, workers=plan.workers)
        yield from sample(store, specs, config, sample_defaults_for(base), workers=plan.workers)


def read_samples(store: Store, case_prefix: str) -> dict[str, list[Sample]]:
    """The samples of models of checks whose cases begin with `case_prefix`, by case; ordered by model, id."""
    rows = store.read("models", ["model_id", "case_name", "exemplar_ids"], f"split = '{CHECK}'").to_pylist()
    models = {row["model_id"]: row for row in rows if (row["case_name"] or "").startswith(case_prefix)}
    found: dict[str, list[Sample]] = {}
    for row in store.read("samples", ["sample_id", "model_id", "scheme"]).to_pylist():
        if model := models.get(row["model_id"]):
            one = Sample(row["sample_id"], row["model_id"], row["scheme"] or "", tuple(model["exemplar_ids"]))
            found.setdefault(model["case_name"], []).append(one)
    return {case: sorted(found[case], key=lambda one: (one.model_id, one.sample_id)) for case in found}


def _can_be_repeated(row: dict[str, Any]) -> bool:
    """Whether it has one exemplar, and all that its plan needs is on its row."""
    return (
        len(row["exemplar_ids"]) == 1
        and row["method"] in METHODS
        and row["method"] != "none"
        and bool(row["base_model"] and row["concept"] and row["category"])
        and bool(json.loads(row["config"] or "{}").get("training_prompts"))
    )


def _spread(samples: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """`count` of the samples, in turn from each scheme."""
    by_scheme: dict[str, list[dict[str, Any]]] = {}
    for one in sorted(samples, key=lambda one: (str(one["scheme"]), str(one["sample_id"]))):
        by_scheme.setdefault(one["scheme"], []).append(one)
    turns = (
        own[turn]
        for turn in range(max(map(len, by_scheme.values()), default=0))
        for own in by_scheme.values()
        if turn < len(own)
    )
    return [one for one, _ in zip(turns, range(count), strict=False)]
