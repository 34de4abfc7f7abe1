"""Ids and rows of customized models: what determines a model, and what the table `models` stores of it."""

import json
from collections.abc import Sequence
from typing import Any

from ...store import InvalidInputError, key_id
from ..specs import ModelSpec
from .base import BaseGenerator
from .config import CustomizeConfig


def model_id(spec: ModelSpec, config: CustomizeConfig) -> str:
    """The id of the model that `spec` and `config` determine, with the contents of the base."""
    return _model_id(spec, config, BaseGenerator.find(config.base))


def model_ids(
    specs: Sequence[ModelSpec], config: CustomizeConfig, base: BaseGenerator
) -> dict[str, ModelSpec]:
    """Model id -> spec, in order. Raises InvalidInputError for a model planned twice with other samples."""
    found: dict[str, ModelSpec] = {}
    for spec in specs:
        name = _model_id(spec, config, base)
        if found.setdefault(name, spec) != spec:
            raise InvalidInputError(
                f"{spec.concept!r} is planned twice with different samples",
                hint="put all its samples in one line",
            )
    return found


def model_row(
    name: str,
    spec: ModelSpec,
    *,
    config: CustomizeConfig,
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


def _model_id(spec: ModelSpec, config: CustomizeConfig, base: BaseGenerator) -> str:
    settings = None if spec.method == "none" else _settings(config)
    return key_id(spec.identity(), settings, base.base_id)


def _settings(config: CustomizeConfig) -> dict[str, Any]:
    """The settings that decide the weights: all but the base's name, as the id holds its contents."""
    return {name: value for name, value in config.to_dict().items() if name != "base"}
