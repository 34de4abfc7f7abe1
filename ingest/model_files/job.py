"""The job that makes rows of `models` from files of models that were trained elsewhere, one at a time."""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...store import DataError, Failure, InvalidInputError, NotFoundError, Step, Store, key_id
from ..customize.base import BaseGenerator
from ..generated.exemplars import StoredImages
from ..plan import plan_model, read_captions
from ..plan.exemplars import Exemplars
from ..specs import ModelSpec
from .exemplars import store_exemplars
from .listing import Entry, check_exemplars
from .model_file import ModelFile
from .read import read_model_file
from .shapes import BaseShapes
from .summary import ModelSummary

STAGE = "models"
UNUSABLE = "unusable-model"
CASE, KIND, SPLIT = "external", "object", "test"
"""Of a model of which nothing says another: as of pictures that were generated elsewhere."""

LONGEST_ABOUT = 1 << 16
"""Longer texts of a file's metadata are not kept, characters: kohya's list every tag of every image."""


@dataclass(frozen=True)
class Options:
    """How models are stored.

    Attributes:
        collection: where images of training folders go.
        prompts_file: written captions with {concept}, for the samples of `ModelSummary.specs`.
        samples: how many samples each of those gets.
    """

    collection: str = "exemplars"
    prompts_file: Path | None = None
    samples: int = 16


def ingest_models(
    store: Store, source: str, entries: Sequence[Entry], options: Options = Options()
) -> Generator[Step, None, ModelSummary]:
    """Store models that were trained elsewhere, each with the images that it was trained on.

    A model that is stored already is known. Of several models, one that cannot be used is left out and
    recorded in `failures`; of one alone, the error is raised.

    Args:
        store: gets a row a model, and the images of training folders.
        source: what the entries are from, which failures are recorded under.
        entries: see `list_models`.
        options: see there.

    Returns:
        What this run did, as the value of the generator.

    Raises:
        NotFoundError: a base, file or exemplar that is not there.
        InvalidInputError: a model whose base or exemplars nothing says; a file of no kind that is read, or of
            another base than it was said to be of.
        DataError: a file that holds code or is not whole.
    """
    check_exemplars(entries)
    bases = _find_bases(entries)
    captions = read_captions(options.prompts_file)
    summary, stored, known = ModelSummary(), StoredImages(store), _stored_files(store)
    failures: list[Failure] = []
    yield Step(STAGE, 0, len(entries))
    for done, entry in enumerate(entries, 1):
        shapes = bases[str(entry.said.base)]
        try:
            file = read_model_file(entry.path, shapes, trigger=entry.said.trigger, method=entry.said.method)
            exemplars = yield from store_exemplars(store, entry, options.collection, stored)
        except (InvalidInputError, NotFoundError, DataError) as error:
            if len(entries) == 1:
                raise
            failures.append(Failure(entry.name, UNUSABLE, str(error), error.hint))
            continue
        summary.images_left_out.update(exemplars.failures)
        spec = _spec(entry, file, exemplars.image_ids, captions, options.samples)
        row = _row(entry, file, spec, shapes.base)
        if row["model_id"] not in store.existing("models", [row["model_id"]]):
            summary.alike += [entry.name] if file.files[0][1] in known else []
            summary.new += store.upsert("models", [row])
            known.add(file.files[0][1])
        summary.specs.append(spec)
        yield Step(STAGE, done, len(entries), spec.concept)
    _record(store, source, entries, failures)
    summary.failures.update((one.reason, one.remedy) for one in failures)
    return summary


def check_one_base(entries: Sequence[Entry]) -> None:
    """Raise InvalidInputError where the models are of several bases: a plan is sampled with one."""
    names = list(dict.fromkeys(entry.said.base for entry in entries if entry.said.base))
    if len(names) > 1:
        raise InvalidInputError(
            f"the models are of {len(names)} bases, {' and '.join(names[:2])}: a plan is of one",
            hint="write a table of the models of each base, and a plan for each table",
        )


def _find_bases(entries: Sequence[Entry]) -> Mapping[str, BaseShapes]:
    """The base of every model, by its name."""
    for entry in entries:
        if not entry.said.base:
            raise InvalidInputError(
                f"{entry.name}: nothing says which base it was trained on",
                hint="name it: --base world, a diffusers folder, a single file or a hub id",
            )
    names = dict.fromkeys(str(entry.said.base) for entry in entries)
    return {name: BaseShapes(name, BaseGenerator.find(name)) for name in names}


def _spec(
    entry: Entry, file: ModelFile, images: tuple[str, ...], captions: dict[str, tuple[str, ...]], samples: int
) -> ModelSpec:
    said = entry.said
    group = Exemplars(entry.concept, said.category or "", images)
    place = (said.kind or KIND, said.case_name or CASE, said.split or SPLIT)
    return replace(plan_model(group, *place, captions, samples), method=said.method or file.method)


def _row(entry: Entry, file: ModelFile, spec: ModelSpec, base: BaseGenerator) -> dict[str, Any]:
    """The row of a model; how it was trained is what its files say, so no training prompt is known."""
    from ..customize.weights import pack

    settings = {**file.settings, "sha256": file.files[0][1]}
    about = {
        **settings,
        "file": file.files[0][0],
        "files": dict(file.files),
        "source": "file",
        "spec_id": spec.spec_id,
        "base_id": base.base_id,
        "training_prompts": [],
    }
    said = {name: value for name, value in file.about.items() if len(str(value)) <= LONGEST_ABOUT}
    if said:
        about["metadata"] = said
    stated = {
        "attribase": json.dumps({"modifier_token": file.token, "base_id": base.base_id}, sort_keys=True)
    }
    return {
        "model_id": key_id(spec.identity(), settings, sorted(dict(file.files).values()), base.base_id),
        "method": spec.method,
        "base_model": entry.said.base,
        "concept_kind": spec.concept_kind,
        "concept": spec.concept,
        "category": spec.category,
        "modifier_token": file.token,
        "exemplar_ids": list(spec.exemplar_ids),
        "case_name": spec.case_name,
        "split": spec.split,
        "config": json.dumps(about, sort_keys=True),
        "seed": spec.seed,
        "weights": pack(file.tensors, file.metadata or stated),
    }


def _stored_files(store: Store) -> set[str]:
    """The hashes of the files that stored models were read from."""
    texts = store.read("models", ["config"])["config"].to_pylist()
    return {str(json.loads(text).get("sha256")) for text in texts if text}


def _record(store: Store, source: str, entries: Sequence[Entry], failures: Sequence[Failure]) -> None:
    """Write down what was left out, and strike off what worked."""
    store.record_failures(STAGE, failures, source=source)
    worked = {entry.name for entry in entries} - {failure.item for failure in failures}
    before = store.failed_items(STAGE, source)
    if before & worked:
        store.forget_failures(STAGE, before & worked, source=source)
