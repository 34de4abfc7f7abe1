"""The job: one customized model a shard, trained in workers, committed here as results arrive."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...runtime.decode import decode_image
from ...store import InvalidInputError, NotFoundError, Step, Store, key_id
from ..specs import ModelSpec
from ..workers import WorkerTask, run_tasks
from .base import fingerprint, resolve_base
from .config import CustomizeConfig

STAGE = "customize"


@dataclass(frozen=True)
class Origin:
    """A base on disk and the id of its contents."""

    folder: str
    base_id: str

    @classmethod
    def of(cls, base: str) -> "Origin":
        """Find `base`. Raises NotFoundError, or InvalidInputError when it cannot be customized."""
        folder = resolve_base(base)
        return cls(str(folder), fingerprint(folder))


def model_id(spec: ModelSpec, config: CustomizeConfig) -> str:
    """The id of the model that `spec` and `config` determine, with the contents of the base."""
    return _model_id(spec, config, Origin.of(config.base))


def model_ids(specs: Sequence[ModelSpec], config: CustomizeConfig, origin: Origin) -> dict[str, ModelSpec]:
    """Model id -> spec, in order. Raises InvalidInputError for a model planned twice with other samples."""
    found: dict[str, ModelSpec] = {}
    for spec in specs:
        name = _model_id(spec, config, origin)
        if found.setdefault(name, spec) != spec:
            raise InvalidInputError(
                f"{spec.concept!r} is planned twice with different samples",
                hint="put all its samples in one line",
            )
    return found


def _model_id(spec: ModelSpec, config: CustomizeConfig, origin: Origin) -> str:
    settings = None if spec.method == "none" else _settings(config)
    return key_id(spec.identity(), settings, origin.base_id)


def _settings(config: CustomizeConfig) -> dict[str, Any]:
    """The settings that decide the weights; the base is known by its contents."""
    return {name: value for name, value in config.to_dict().items() if name != "base"}


def customize(
    store: Store, specs: Sequence[ModelSpec], config: CustomizeConfig, *, workers: int | None = 1
) -> Iterator[Step]:
    """Make the models that are not there yet, one committed at a time.

    Args:
        store: exemplars come from its images.
        specs: method 'none' is written without training.
        config: for all of them.
        workers: processes; None is one a core or GPU, 0 this process.

    Raises NotFoundError for unknown exemplars, InvalidInputError for a base without cross-attention,
    AttribaseError that names the model when its training fails.
    """
    origin = Origin.of(config.base)
    planned = model_ids(specs, config, origin)
    _check_exemplars(store, planned.values())
    row = partial(model_row, config=config, origin=origin)
    store.upsert("models", [row(name, spec) for name, spec in planned.items() if spec.method == "none"])
    trained = [name for name, spec in planned.items() if spec.method != "none"]
    job = store.jobs.plan(STAGE, {"config": config.to_dict(), "base_id": origin.base_id}, trained, 1)
    known = store.existing("models", trained)
    shards = {}
    for shard in job.pending():
        if shard.items[0] in known:
            job.finish(shard)
        else:
            shards[shard.items[0]] = shard
    if not shards:
        return
    done = len(trained) - len(shards)
    yield Step(STAGE, done, len(trained))
    tasks = (_task(store, name, planned[name]) for name in shards)
    for task, (weights, seconds) in run_tasks(
        _setup, (origin, config), tasks, count=len(shards), workers=workers
    ):
        spec = planned[task.key]
        store.upsert("models", [row(task.key, spec, weights=weights, seconds=seconds)])
        job.finish(shards[task.key])
        done += 1
        yield Step(STAGE, done, len(trained), spec.concept)


def model_row(
    name: str,
    spec: ModelSpec,
    *,
    config: CustomizeConfig,
    origin: Origin,
    weights: bytes | None = None,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """The row of a model. `config` JSON also holds what finds it again: spec_id, base_id, all prompts."""
    made_with = {} if spec.method == "none" else _settings(config)
    about = {
        "spec_id": spec.spec_id,
        "base_id": origin.base_id,
        "training_prompts": list(spec.training_prompts),
    }
    return {
        "model_id": name,
        "method": spec.method,
        "base_model": config.base,
        "concept_kind": spec.concept_kind,
        "concept": spec.concept,
        "category": spec.category,
        "modifier_token": None if spec.method == "none" else config.modifier_token,
        "training_prompt": "\n".join(spec.training_prompts) or None,
        "exemplar_ids": list(spec.exemplar_ids),
        "case_name": spec.case_name,
        "split": spec.split,
        "config": json.dumps({**made_with, **about}, sort_keys=True),
        "seed": spec.seed,
        "seconds": seconds,
        "weights": weights,
    }


def _check_exemplars(store: Store, specs: Any) -> None:
    wanted = {image: spec for spec in specs for image in spec.exemplar_ids}
    missing = sorted(set(wanted) - store.existing("images", list(wanted)))
    if missing:
        raise NotFoundError(
            f"{len(missing)} exemplars are not in the store, e.g. {missing[0]}"
            f" of {wanted[missing[0]].concept!r}",
            hint="ingest the exemplar images first",
        )


def _task(store: Store, name: str, spec: ModelSpec) -> WorkerTask:
    data = dict(store.blobs("images", "bytes", spec.exemplar_ids))
    absent = [image for image, content in data.items() if content is None]
    if absent:
        raise InvalidInputError(
            f"exemplar {absent[0]} of {spec.concept!r} is stored without its bytes",
            hint="ingest it from a file; a reference cannot be trained on",
        )
    return WorkerTask(
        name, f"{spec.concept!r} (model {name[:12]})", (spec, [data[image] for image in spec.exemplar_ids])
    )


def _setup(shared: tuple[Origin, CustomizeConfig], device: str) -> Callable[[Any], tuple[bytes, float]]:
    """In a worker: load the base once, then train one model after another from it."""
    from pathlib import Path

    from .pipeline import load_pipeline

    origin, config = shared
    pipeline = load_pipeline(Path(origin.folder), config.modifier_token, device)
    return partial(_make, pipeline, config, origin)


def _make(
    pipeline: Any, config: CustomizeConfig, origin: Origin, task: tuple[ModelSpec, Sequence[bytes]]
) -> tuple[bytes, float]:
    """(safetensors bytes, seconds) of one model."""
    from .train import train
    from .weights import extract, pack

    spec, data = task
    started = time.perf_counter()
    train(pipeline, spec, [decode_image(content) for content in data], config)
    weights = pack(extract(pipeline, config.rank), metadata_of(config.modifier_token, origin.base_id))
    pipeline.reset()
    return weights, time.perf_counter() - started


def metadata_of(token: str, base_id: str) -> Mapping[str, str]:
    """What the weights' header says, for whoever gets them without their row.

    One entry: safetensors writes several in any order, and equal weights are to have equal bytes.
    """
    return {"attribase": json.dumps({"modifier_token": token, "base_id": base_id}, sort_keys=True)}
