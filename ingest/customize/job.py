"""The customization job: one model a shard, trained in workers, committed by this process."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...runtime.decode import decode_image, stored_pixel_limit
from ...runtime.tasks import WorkerTask
from ...store import InvalidInputError, NotFoundError, Step, Store
from ..diffusion_files import weight_bytes
from ..specs import ModelSpec
from ..workers import run_tasks
from .base import BaseGenerator, check_base, free_token
from .methods import find_method
from .models import model_ids, model_row
from .prompts import check_prompts
from .settings import TrainingConfig

STAGE = "customize"


def customize(
    store: Store, specs: Sequence[ModelSpec], config: TrainingConfig, *, workers: int | None = 1
) -> Iterator[Step]:
    """Train the planned models that are not in the store, and commit them one at a time.

    Args:
        store: exemplars come from its images.
        specs: those of method 'none' are stored without training.
        config: settings of all of them, of the method that they are planned by.
        workers: number of processes; None is one a core or GPU (several a GPU for a small base), 0 trains in
            this process.

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
    pixel_limit = stored_pixel_limit(store)
    done = len(trained) - len(shards)
    yield Step(STAGE, done, len(trained))
    tasks = (_training_task(store, name, planned[name]) for name in shards)
    trainings = run_tasks(
        _load_worker,
        (base, config, pixel_limit),
        tasks,
        count=len(shards),
        workers=workers,
        network=weight_bytes(Path(base.folder)),
    )
    for task, (weights, seconds) in trainings:
        spec = planned[task.key]
        store.upsert("models", [row(task.key, spec, weights=weights, seconds=seconds)])
        job.finish(shards[task.key])
        done += 1
        yield Step(STAGE, done, len(trained), spec.concept)


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


def _training_task(store: Store, name: str, spec: ModelSpec) -> WorkerTask:
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


def _load_worker(
    shared: tuple[BaseGenerator, TrainingConfig, int], device: str
) -> Callable[[Any], tuple[bytes, float]]:
    """In a worker: load the base once; the returned function trains one model from it."""
    from .generator import load_generator

    base, config, pixel_limit = shared
    token = config.token if find_method(config.method).learns_token else None
    generator = load_generator(Path(base.folder), token or free_token(Path(base.folder)), device)
    return partial(_train_model, generator, config, base, pixel_limit)


def _train_model(
    generator: Any,
    config: TrainingConfig,
    base: BaseGenerator,
    pixel_limit: int,
    task: tuple[ModelSpec, Sequence[bytes]],
) -> tuple[bytes, float]:
    """(safetensors bytes, seconds) of one model."""
    from .train import train
    from .weights import pack

    method = find_method(config.method)
    spec, data = task
    started = time.perf_counter()
    train(generator, spec, [decode_image(content, pixel_limit) for content in data], config)
    tensors = method.extract(generator, config)
    weights = pack(tensors, method.metadata(config, base.base_id, tensors))
    generator.reset()
    return weights, time.perf_counter() - started
