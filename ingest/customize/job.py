"""The customization job: one model a shard, trained in workers, committed by this process."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...runtime.decode import decode_image, stored_pixel_limit
from ...runtime.tasks import WorkerTask
from ...store import InvalidInputError, NotFoundError, Step, Store
from ...store.staged import StagedRows, stage_rows
from ..diffusion_files import weight_bytes
from ..shards import Workers, commit_done
from ..specs import ModelSpec
from .base import BaseGenerator, BaseOnNodes, check_base, free_token
from .methods import find_method
from .models import model_ids, model_row
from .prompts import check_prompts
from .settings import TrainingConfig

STAGE = "customize"


def customize(
    store: Store,
    specs: Sequence[ModelSpec],
    config: TrainingConfig,
    *,
    workers: int | None = 1,
    ray: str | None = None,
) -> Iterator[Step]:
    """Train the planned models that are not in the store, and commit them one at a time.

    Args:
        store: exemplars come from its images.
        specs: those of method 'none' are stored without training.
        config: settings of all of them, of the method that they are planned by.
        workers: number of processes; None is one a core or GPU (several a GPU for a small base), 0 trains in
            this process.
        ray: train on the Ray cluster at this address, `HOST:PORT` or `auto`, with at most `workers` workers.

    Before anything is trained, the prompts of all models are checked, the samples' too.

    Raises NotFoundError for unknown exemplars, InvalidInputError for a base without cross-attention or a
    prompt whose V* the text encoder would not see, DataError for weights that are not whole, AttribaseError
    that names the model when its training fails.
    """
    base = BaseGenerator.find(config.base)
    planned = model_ids(specs, config, base)
    _check_exemplars(store, planned.values())
    row = partial(model_row, config=config, base=base)
    store.upsert("models", [row(name, spec) for name, spec in planned.items() if spec.method == "none"])
    trained = [name for name, spec in planned.items() if spec.method != "none"]
    job = store.jobs.plan(STAGE, {"config": config.to_dict(), "base_id": base.base_id}, trained, 1)
    known = store.existing("models", trained)
    shards = {}
    for shard in job.pending():
        if shard.items[0] in known:
            job.finish(shard)
        else:
            shards[shard.items[0]] = shard
    if not shards:
        return
    check_base(base, config.resolution)
    _check_training(base, [planned[name] for name in shards], config)
    training = _Training(store, BaseOnNodes.of(base, config.base, ray), config, stored_pixel_limit(store))
    done = len(trained) - len(shards)
    yield Step(STAGE, done, len(trained))
    tasks = (
        WorkerTask(name, f"{planned[name].concept!r} (model {name[:12]})", (name, planned[name]))
        for name in shards
    )
    where = Workers(workers, weight_bytes(Path(base.folder)), ray)
    for trainings, note in where.run(store, _load_worker, training, tasks, len(shards)):
        commit_done(store, job, shards, trainings)
        done += len(trainings)
        concepts = [planned[task.key].concept for task, _ in trainings[-1:]]
        yield Step(STAGE, done, len(trained), ", ".join(filter(None, [*concepts, note])))


def _check_exemplars(store: Store, specs: Iterable[ModelSpec]) -> None:
    wanted = {image: spec for spec in specs for image in spec.exemplar_ids}
    missing = sorted(set(wanted) - store.existing("images", list(wanted)))
    if missing:
        raise NotFoundError(
            f"{len(missing)} exemplars are not in the store, e.g. {missing[0]}"
            f" of {wanted[missing[0]].concept!r}",
            hint="ingest the exemplar images first",
        )


def _check_training(base: BaseGenerator, specs: Sequence[ModelSpec], config: TrainingConfig) -> None:
    """Raise, before anything is trained, where the method does not fit the base or a prompt does not."""
    method, token = find_method(config.method), config.token
    if base.kind not in method.defaults:
        raise InvalidInputError(
            f"{config.method} does not customize a base of the kind {base.kind}",
            hint=f"it takes {', '.join(method.defaults)}; docs/methods.md has a table",
        )
    if token is not None:
        placeholder = method.placeholder(config.to_dict(), token) or token
        check_prompts(Path(base.folder), specs, placeholder, augment=config.augment, new=method.learns_token)


@dataclass(frozen=True)
class _Training:
    """What all trainings of a job share."""

    store: Store
    base: BaseOnNodes
    config: TrainingConfig
    pixel_limit: int


def _load_worker(training: _Training, device: str) -> Callable[[Any], StagedRows]:
    """In a worker: load the base once; the returned function trains one model from it and stages its row."""
    from .generator import load_generator

    folder, config = training.base.folder, training.config
    token = config.token if find_method(config.method).learns_token else None
    return partial(_train_model, load_generator(folder, token or free_token(folder), device), training)


def _train_model(generator: Any, training: _Training, task: tuple[str, ModelSpec]) -> StagedRows:
    from .train import train
    from .weights import pack

    name, spec = task
    store, config, base = training.store, training.config, training.base.base
    method = find_method(config.method)
    images = [decode_image(data, training.pixel_limit) for data in _exemplars(store, spec)]
    started = time.perf_counter()
    train(generator, spec, images, config)
    tensors = method.extract(generator, config)
    weights = pack(tensors, method.metadata(config, base.base_id, tensors))
    generator.reset()
    seconds = time.perf_counter() - started
    row = model_row(name, spec, config=config, base=base, weights=weights, seconds=seconds)
    return stage_rows(store, "models", [row])


def _exemplars(store: Store, spec: ModelSpec) -> list[bytes]:
    """The bytes of the exemplars of a model. Raises InvalidInputError where one is stored without."""
    data = dict(store.blobs("images", "bytes", spec.exemplar_ids))
    absent = [image for image, content in data.items() if content is None]
    if absent:
        raise InvalidInputError(
            f"exemplar {absent[0]} is stored without its bytes",
            hint="ingest it from a file; a reference cannot be trained on",
        )
    return [data[image] or b"" for image in spec.exemplar_ids]
