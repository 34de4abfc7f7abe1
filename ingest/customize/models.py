"""Ids and rows of customized models: what determines a model, and what the table `models` stores of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...store import ConflictError, InvalidInputError, NotFoundError, Store, key_id
from ..specs import METHODS, ModelSpec
from .base import BaseGenerator
from .methods import find_method
from .settings import TrainingConfig

CUSTOMIZE_FIRST = "run `ingest customize` with the same plan and base first"


def model_id(spec: ModelSpec, config: TrainingConfig) -> str:
    """The id of the model that `spec` and `config` determine, with the contents of the base."""
    return _model_id(spec, config, BaseGenerator.find(config.base))


def model_ids(
    specs: Sequence[ModelSpec], config: TrainingConfig, base: BaseGenerator
) -> dict[str, ModelSpec]:
    """Model id -> spec, in order.

    Raises InvalidInputError for a model planned twice with other samples, or by another method.
    """
    found: dict[str, ModelSpec] = {}
    for spec in specs:
        if spec.method not in (config.method, "none"):
            raise InvalidInputError(
                f"{spec.concept!r} is planned by {spec.method}, the settings are of {config.method}",
                hint="customize the models of one method at a time, each with its settings",
            )
        name = _model_id(spec, config, base)
        if found.setdefault(name, spec) != spec:
            raise InvalidInputError(
                f"{spec.concept!r} is planned twice with different samples",
                hint="put all its samples in one line",
            )
    return found


def group_by_method(specs: Sequence[ModelSpec]) -> dict[str, list[ModelSpec]]:
    """Method -> its specs, in order; controls, which need no training, are with the first method."""
    methods = [spec.method for spec in specs if spec.method != "none"] or list(METHODS)
    groups: dict[str, list[ModelSpec]] = {}
    for spec in specs:
        groups.setdefault(methods[0] if spec.method == "none" else spec.method, []).append(spec)
    return groups


def find_models(
    store: Store,
    specs: Sequence[ModelSpec],
    name: str,
    base: BaseGenerator,
    settings: Mapping[str, Any],
) -> dict[str, ModelSpec]:
    """Model id -> spec of the stored models that were customized by `specs` from the base called `name`.

    `settings`: some of those that the models were customized with, to choose among models of several.

    Raises NotFoundError for a model that is not there, ConflictError where several fit.
    """
    stored: dict[str, dict[str, dict[str, Any]]] = {}
    for row in store.read("models", ["model_id", "config"]).to_pylist():
        about = json.loads(row["config"] or "{}")
        if about.get("base_id") == base.base_id:
            stored.setdefault(about.get("spec_id", ""), {})[row["model_id"]] = about
    found: dict[str, ModelSpec] = {}
    for spec in specs:
        known = stored.get(spec.spec_id, {})
        fitting = known if spec.method == "none" else _fitting(known, settings)
        if not fitting:
            wanted = f" with {_words(settings)}" if known else ""
            raise NotFoundError(
                f"there is no model of {spec.concept!r} from base {name!r}{wanted}", hint=CUSTOMIZE_FIRST
            )
        if len(fitting) > 1:
            different = _differences(list(fitting.values()))
            raise ConflictError(
                f"{spec.concept!r} was customized from {name!r} with {len(fitting)} different settings: "
                + "; ".join(map(_words, different)),
                hint=f"say which: --model-config {_words(different[-1]).replace(', ', ' --model-config ')}",
            )
        found[next(iter(fitting))] = spec
    return found


def shared_resolution(store: Store, models: Sequence[str]) -> int | None:
    """Pixels a side that all of `models` were trained at; None for controls.

    Raises ConflictError where that is not one number.
    """
    rows = store.read("models", ["model_id", "config"]).to_pylist()
    wanted = set(models)
    sides = {json.loads(row["config"] or "{}").get("resolution") for row in rows if row["model_id"] in wanted}
    sides.discard(None)  # of controls
    if len(sides) > 1:
        raise ConflictError(
            f"the models of the plan were customized at {' and '.join(map(str, sorted(sides)))} pixels",
            hint="say at how many pixels to sample: --resolution",
        )
    return next(iter(sides), None)


def placeholders(store: Store, models: Mapping[str, ModelSpec], token: str) -> dict[str, str | None]:
    """Model id -> what `V*` becomes in its prompts, `token` being the name of a new one; None without V*."""
    rows = store.read("models", ["model_id", "config"]).to_pylist()
    return {
        row["model_id"]: find_method(models[row["model_id"]].method).placeholder(
            json.loads(row["config"] or "{}"), token
        )
        for row in rows
        if row["model_id"] in models and models[row["model_id"]].holds_token
    }


def _fitting(known: Mapping[str, dict[str, Any]], settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Those of `known` whose configuration has all of `settings`."""
    return {
        name: about
        for name, about in known.items()
        if all(about.get(key) == value for key, value in settings.items())
    }


def _differences(configs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each configuration the settings in which not all are equal; not what a file says of itself."""
    names = sorted({key for one in configs for key, value in one.items() if not isinstance(value, dict)})
    varied = [name for name in names if len({json.dumps(one.get(name)) for one in configs}) > 1]
    return [{name: one.get(name) for name in varied} for one in configs]


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in settings.items()
    )


def model_row(
    name: str,
    spec: ModelSpec,
    *,
    config: TrainingConfig,
    base: BaseGenerator,
    weights: bytes | None = None,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """The row of a model. Its `config` JSON also holds spec_id, base_id and all training prompts."""
    made_with = {} if spec.method == "none" else _settings(config)
    about = {
        "spec_id": spec.spec_id,
        "base_id": base.base_id,
        "training_prompts": list(spec.training_prompts),
    }
    return {
        "model_id": name,
        "method": spec.method,
        "base_model": config.base,
        "concept_kind": spec.concept_kind,
        "concept": spec.concept,
        "category": spec.category,
        "modifier_token": config.token if spec.holds_token else None,
        "training_prompt": "\n".join(spec.training_prompts) or None,
        "exemplar_ids": list(spec.exemplar_ids),
        "case_name": spec.case_name,
        "split": spec.split,
        "config": json.dumps({**made_with, **about}, sort_keys=True),
        "seed": spec.seed,
        "seconds": seconds,
        "weights": weights,
    }


def _model_id(spec: ModelSpec, config: TrainingConfig, base: BaseGenerator) -> str:
    settings = None if spec.method == "none" else _settings(config)
    return key_id(spec.identity(), settings, base.base_id)


def _settings(config: TrainingConfig) -> dict[str, Any]:
    """The settings that decide the weights: all but the base's name, as the id holds its contents."""
    return {name: value for name, value in config.to_dict().items() if name != "base"}
