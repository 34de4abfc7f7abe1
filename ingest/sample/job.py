"""The job: the samples of one model a shard, drawn in workers, committed here as results arrive."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ...store import ConflictError, NotFoundError, Step, Store, key_id
from ..customize.config import WORLD, CustomizeConfig
from ..customize.job import Origin, model_ids
from ..specs import ModelSpec, SampleSpec
from ..workers import WorkerTask, run_tasks
from .config import SampleConfig

STAGE = "sample"
_MAKE = "run `ingest customize` with the same plan and base first"


def sample(
    store: Store,
    specs: Sequence[ModelSpec],
    customize_config: CustomizeConfig | str,
    config: SampleConfig,
    *,
    workers: int | None = 1,
) -> Iterator[Step]:
    """Draw what is planned and not there yet, one model's samples committed at a time.

    Args:
        store: has the models.
        specs: their `samples` are drawn; models of method 'none' draw with the untouched base.
        customize_config: what the models were made with, or only their base: then each model of the
            plan is looked up, whatever its settings.
        config: steps, guidance, size.
        workers: processes; None is one a core or GPU, 0 this process.

    Raises NotFoundError for models that are not in the store, ConflictError when only the base is given
    and a model was made from it in several ways.
    """
    if isinstance(customize_config, str):
        origin = Origin.of(customize_config)
        models = _find(store, specs, customize_config, origin)
    else:
        origin = Origin.of(customize_config.base)
        models = model_ids(specs, customize_config, origin)
    _check_made(store, models)
    wanted = {name: _sample_ids(name, spec.samples, config) for name, spec in models.items()}
    spec = {
        "config": asdict(config),
        "base_id": origin.base_id,
        "samples": key_id(wanted_ids := sorted(_flat(wanted))),
    }
    job = store.jobs.plan(STAGE, spec, list(wanted), 1)
    known = store.existing("samples", wanted_ids)
    left = {}
    for shard in job.pending():
        missing = {name: item for name, item in wanted[shard.items[0]].items() if name not in known}
        if missing:
            left[shard.items[0]] = (shard, missing)
        else:
            job.finish(shard)
    if not left:
        return
    done = len(wanted_ids) - sum(len(missing) for _, missing in left.values())
    yield Step(STAGE, done, len(wanted_ids))
    tasks = (_task(store, models[name], name, missing) for name, (_, missing) in left.items())
    for task, images in run_tasks(_setup, (origin, config), tasks, count=len(left), workers=workers):
        shard, missing = left[task.key]
        rows = [
            _row(task.key, *item, data, config) for item, data in zip(missing.items(), images, strict=True)
        ]
        store.upsert("samples", rows)
        job.finish(shard)
        done += len(missing)
        yield Step(STAGE, done, len(wanted_ids), models[task.key].concept)


def sample_id(model: str, item: SampleSpec, config: SampleConfig) -> str:
    """The id of the picture that this model, prompt, seed and these settings determine."""
    return key_id(model, item.scheme, item.prompt, item.seed, asdict(config))


def _sample_ids(model: str, items: Sequence[SampleSpec], config: SampleConfig) -> dict[str, SampleSpec]:
    return {sample_id(model, item, config): item for item in items}


def _flat(wanted: Mapping[str, Mapping[str, SampleSpec]]) -> Iterator[str]:
    for items in wanted.values():
        yield from items


def _find(store: Store, specs: Sequence[ModelSpec], base: str, origin: Origin) -> dict[str, ModelSpec]:
    """Model id -> spec of the models in the store that were made of `specs` from this base."""
    made: dict[str, list[str]] = {}
    for row in store.read("models", ["model_id", "config"]).to_pylist():
        about = json.loads(row["config"] or "{}")
        if about.get("base_id") == origin.base_id:
            made.setdefault(about.get("spec_id", ""), []).append(row["model_id"])
    found: dict[str, ModelSpec] = {}
    for spec in specs:
        names = made.get(spec.spec_id, [])
        if not names:
            raise NotFoundError(f"there is no model of {spec.concept!r} from base {base!r}", hint=_MAKE)
        if len(names) > 1:
            raise ConflictError(
                f"{spec.concept!r} was customized from {base!r} with {len(names)} different settings",
                hint="sample from Python, where the settings can be given",
            )
        found[names[0]] = spec
    return found


def _check_made(store: Store, models: Mapping[str, ModelSpec]) -> None:
    missing = sorted(set(models) - store.existing("models", list(models)))
    if missing:
        raise NotFoundError(
            f"{len(missing)} of {len(models)} models are not in the store,"
            f" e.g. {models[missing[0]].concept!r}",
            hint=_MAKE,
        )


def _task(store: Store, spec: ModelSpec, name: str, items: Mapping[str, SampleSpec]) -> WorkerTask:
    weights = None if spec.method == "none" else dict(store.blobs("models", "weights", [name]))[name]
    drawn = list(items.values())
    payload = (weights, [item.prompt for item in drawn], [item.seed for item in drawn])
    return WorkerTask(name, f"{spec.concept!r} (model {name[:12]})", payload)


def _setup(shared: tuple[Origin, SampleConfig], device: str) -> Callable[[Any], list[bytes]]:
    """In a worker: load the base once, then draw with one model after another."""
    from ..customize.pipeline import load_pipeline

    origin, config = shared
    token = CustomizeConfig(WORLD).modifier_token  # any name does: its embedding comes with the weights
    return partial(_draw, load_pipeline(Path(origin.folder), token, device), config)


def _draw(
    pipeline: Any, config: SampleConfig, task: tuple[bytes | None, Sequence[str], Sequence[int]]
) -> list[bytes]:
    from ..customize.weights import apply, unpack
    from .ddim import draw

    weights, prompts, seeds = task
    if weights is None:
        pipeline.reset()
    else:
        apply(pipeline, unpack(weights)[0])
    return draw(pipeline, prompts, seeds, config)


def _row(model: str, name: str, item: SampleSpec, data: bytes, config: SampleConfig) -> dict[str, Any]:
    return {
        "sample_id": name,
        "model_id": model,
        "scheme": item.scheme,
        "prompt": item.prompt,
        "seed": item.seed,
        "steps": config.steps,
        "guidance": config.guidance,
        "scheduler": config.scheduler,
        "width": config.resolution,
        "height": config.resolution,
        "bytes": data,
    }
