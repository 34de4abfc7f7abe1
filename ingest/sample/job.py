"""The sampling job: the samples of one model a shard, drawn in workers, committed by this process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...runtime.tasks import WorkerTask
from ...store import NotFoundError, Step, Store, key_id
from ..customize.base import BaseGenerator, check_base, free_token
from ..customize.methods import find_method
from ..customize.models import CUSTOMIZE_FIRST, find_models, model_ids, placeholders
from ..customize.prompts import check_prompts
from ..customize.settings import TrainingConfig
from ..diffusion_files import weight_bytes
from ..specs import ModelSpec, SampleSpec
from ..workers import run_tasks
from .config import SampleConfig, check_sampler

STAGE = "sample"


def sample(
    store: Store,
    specs: Sequence[ModelSpec],
    customize_config: TrainingConfig | str,
    config: SampleConfig,
    *,
    workers: int | None = 1,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Step]:
    """Draw the planned samples that are not in the store, and commit them one model at a time.

    Args:
        store: holds the models.
        specs: their `samples` are drawn; those of method 'none' from the untouched base.
        customize_config: the settings that the models were customized with, or only the name of their
            base: then each model of the plan is looked up, whatever its settings.
        config: steps, guidance, size.
        workers: number of processes; None is one a core or GPU (several a GPU for a small base), 0 draws in
            this process.
        settings: where only the base is named, some settings that the models were customized with, to choose
            among those of several.

    Raises NotFoundError for models that are not in the store, ConflictError when only the base is given
    and a model was customized from it with several settings, InvalidInputError for a prompt whose V* the
    text encoder would not see.
    """
    if isinstance(customize_config, str):
        base = BaseGenerator.find(customize_config)
        models = find_models(store, specs, customize_config, base, settings or {})
    else:
        base = BaseGenerator.find(customize_config.base)
        models = model_ids(specs, customize_config, base)
    _check_stored(store, models)
    planned = {model: _with_ids(model, spec.samples, config) for model, spec in models.items()}
    ids = sorted(name for samples in planned.values() for name in samples)
    job_spec = {"config": config.to_dict(), "base_id": base.base_id, "samples": key_id(ids)}
    job = store.jobs.plan(STAGE, job_spec, list(planned), 1)
    known = store.existing("samples", ids)
    missing, shards = {}, {}
    for shard in job.pending():
        model = shard.items[0]
        absent = {name: sample for name, sample in planned[model].items() if name not in known}
        if absent:
            missing[model], shards[model] = absent, shard
        else:
            job.finish(shard)
    if not missing:
        return
    check_base(base, config.resolution)
    check_sampler(config, base.kind)
    token = free_token(Path(base.folder))  # any name works: the embedding comes with each model's weights
    _check_prompts(store, {model: models[model] for model in missing}, base, token)
    done = len(ids) - sum(len(samples) for samples in missing.values())
    yield Step(STAGE, done, len(ids))
    tasks = (_sampling_task(store, models[model], model, samples) for model, samples in missing.items())
    drawings = run_tasks(
        _load_worker,
        (base, config, token),
        tasks,
        count=len(missing),
        workers=workers,
        network=weight_bytes(Path(base.folder)),
    )
    for task, images in drawings:
        drawn = zip(missing[task.key].items(), images, strict=True)
        rows = [_sample_row(task.key, name, spec, data, config) for (name, spec), data in drawn]
        store.upsert("samples", rows)
        job.finish(shards[task.key])
        done += len(rows)
        yield Step(STAGE, done, len(ids), models[task.key].concept)


def sample_id(model: str, spec: SampleSpec, config: SampleConfig) -> str:
    """The id of the sample that the model's id, the prompt, the seed and the settings determine."""
    return key_id(model, spec.scheme, spec.prompt, spec.seed, config.to_dict())


def _with_ids(model: str, samples: Sequence[SampleSpec], config: SampleConfig) -> dict[str, SampleSpec]:
    return {sample_id(model, sample, config): sample for sample in samples}


def _check_stored(store: Store, models: Mapping[str, ModelSpec]) -> None:
    missing = sorted(set(models) - store.existing("models", list(models)))
    if missing:
        raise NotFoundError(
            f"{len(missing)} of {len(models)} models are not in the store,"
            f" e.g. {models[missing[0]].concept!r}",
            hint=CUSTOMIZE_FIRST,
        )


def _check_prompts(store: Store, models: Mapping[str, ModelSpec], base: BaseGenerator, token: str) -> None:
    """Raise InvalidInputError for the first prompt in which the text encoder would not see its model's V*."""
    texts = placeholders(store, models, token)
    for text in dict.fromkeys(text for text in texts.values() if text is not None):
        chosen = [models[name] for name in models if texts.get(name) == text]
        check_prompts(Path(base.folder), chosen, text, new=text.startswith(token))


def _sampling_task(
    store: Store, spec: ModelSpec, model: str, samples: Mapping[str, SampleSpec]
) -> WorkerTask:
    weights = None if spec.method == "none" else dict(store.blobs("models", "weights", [model]))[model]
    prompts = [sample.prompt for sample in samples.values()]
    seeds = [sample.seed for sample in samples.values()]
    return WorkerTask(model, f"{spec.concept!r} (model {model[:12]})", (spec.method, weights, prompts, seeds))


def _load_worker(
    shared: tuple[BaseGenerator, SampleConfig, str], device: str
) -> Callable[[Any], list[bytes]]:
    """In a worker: load the base once; the returned function draws the samples of one model."""
    from ..customize.generator import load_generator

    base, config, token = shared
    return partial(_draw_model, load_generator(Path(base.folder), token, device), config)


def _draw_model(
    generator: Any, config: SampleConfig, task: tuple[str, bytes | None, Sequence[str], Sequence[int]]
) -> list[bytes]:
    from ..customize.weights import unpack
    from .ddim import draw_samples

    method, weights, prompts, seeds = task
    if weights is None:
        generator.reset()
    else:
        find_method(method).apply(generator, *unpack(weights))
    return draw_samples(generator, prompts, seeds, config)


def _sample_row(model: str, name: str, spec: SampleSpec, data: bytes, config: SampleConfig) -> dict[str, Any]:
    return {
        "sample_id": name,
        "model_id": model,
        "scheme": spec.scheme,
        "prompt": spec.prompt,
        "seed": spec.seed,
        "steps": config.steps,
        "guidance": config.guidance,
        "scheduler": config.scheduler,
        "width": config.resolution,
        "height": config.resolution,
        "bytes": data,
    }
