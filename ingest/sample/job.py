"""The sampling job: the samples of one model a shard, drawn in workers, committed by this process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...runtime.tasks import WorkerTask
from ...store import NotFoundError, Step, Store, key_id
from ...store.columns import utc_now
from ...store.staged import StagedRows, stage_rows
from ..customize.base import BaseGenerator, BaseOnNodes, check_base, free_token
from ..customize.methods import find_method
from ..customize.models import CUSTOMIZE_FIRST, find_models, model_ids, placeholders
from ..customize.prompts import check_prompts
from ..customize.settings import TrainingConfig
from ..diffusion_files import weight_bytes
from ..shards import Workers, commit_done
from ..specs import ModelSpec, SampleSpec
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
    ray: str | None = None,
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
        ray: draw on the Ray cluster at this address, `HOST:PORT` or `auto`, with at most `workers` workers.

    Raises NotFoundError for models that are not in the store, ConflictError when only the base is given
    and a model was customized from it with several settings, InvalidInputError for a prompt whose V* the
    text encoder would not see.
    """
    base_name = customize_config if isinstance(customize_config, str) else customize_config.base
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
    tasks = (
        WorkerTask(
            model, f"{models[model].concept!r} (model {model[:12]})", (model, models[model].method, samples)
        )
        for model, samples in missing.items()
    )
    drawing = _Drawing(store, BaseOnNodes.of(base, base_name, ray), config, token)
    where = Workers(workers, weight_bytes(Path(base.folder)), ray)
    for drawn, note in where.run(store, _load_worker, drawing, tasks, len(missing)):
        commit_done(store, job, shards, drawn)
        done += sum(len(missing[task.key]) for task, _ in drawn)
        concepts = [models[task.key].concept for task, _ in drawn[-1:]]
        yield Step(STAGE, done, len(ids), ", ".join(filter(None, [*concepts, note])))


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


@dataclass(frozen=True)
class _Drawing:
    """What all samples of a job share. `token` is the name of V* in the base's vocabulary."""

    store: Store
    base: BaseOnNodes
    config: SampleConfig
    token: str


def _load_worker(drawing: _Drawing, device: str) -> Callable[[Any], StagedRows]:
    """In a worker: load the base once; the returned function draws and stages the samples of one model."""
    from ..customize.generator import load_generator

    return partial(_draw_model, load_generator(drawing.base.folder, drawing.token, device), drawing)


def _draw_model(
    generator: Any, drawing: _Drawing, task: tuple[str, str, Mapping[str, SampleSpec]]
) -> StagedRows:
    from ..customize.weights import unpack
    from .ddim import draw_samples

    model, method, samples = task
    store, config = drawing.store, drawing.config
    if method == "none":
        generator.reset()
    else:
        weights = dict(store.blobs("models", "weights", [model]))[model]
        find_method(method).apply(generator, *unpack(weights or b""))
    prompts, seeds = [one.prompt for one in samples.values()], [one.seed for one in samples.values()]
    drawn = zip(samples.items(), draw_samples(generator, prompts, seeds, config), strict=True)
    rows = [_sample_row(model, name, spec, data, config) for (name, spec), data in drawn]
    return stage_rows(store, "samples", rows)


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
        "created": utc_now(),
    }
