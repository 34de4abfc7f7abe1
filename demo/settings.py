"""What a demo run is made of, and where it puts things."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..ingest.specs import ModelSpec, SampleSpec
from ..ingest.world.plan import PlannedModel, plan


@dataclass(frozen=True)
class DemoSettings:
    """One demo: `models` customized generators, `samples` pictures of each, in `folder`."""

    folder: Path
    models: int = 168
    samples: int = 16
    workers: int | None = None
    encoder: str = "efficientnet-lite0"

    @property
    def store(self) -> Path:
        """Where the store is."""
        return self.folder / "store"

    @property
    def report(self) -> Path:
        """Where the page is."""
        return self.folder / "report.html"

    @property
    def marker(self) -> Path:
        """Written last: what was run and the table versions it left."""
        return self.folder / "demo.json"

    def what(self) -> dict[str, Any]:
        """The settings that decide the result (not where, nor with how many processes), and what ran them."""
        chosen = {k: v for k, v in asdict(self).items() if k not in ("folder", "workers")}
        from ..query.evaluation.runs import code_version

        return chosen | {"attribase": __version__, "ranks": code_version()}


def write_marker(settings: DemoSettings, versions: Mapping[str, int]) -> None:
    """Note, in one atomic step, that `settings` ran to the end and left `versions`."""
    text = json.dumps({"settings": settings.what(), "versions": dict(versions)}, indent=2, sort_keys=True)
    partial = settings.marker.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(settings.marker)


def read_marker(settings: DemoSettings) -> dict[str, Any] | None:
    """What the marker says, or None when there is none that can be read."""
    try:
        marker: dict[str, Any] = json.loads(settings.marker.read_text())
    except (OSError, ValueError):
        return None
    return marker


CONTROL_SAMPLES = 8


def planned_specs(models: int, samples: int) -> list[ModelSpec]:
    """Customized models first, then a control for each test model."""
    customized = [_spec(model) for model in plan(models=models, samples=samples)]
    return customized + controls(customized)


def controls(specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    """The untouched base on the prompts and seeds of each test model, V* left out.

    Evaluated against the same exemplars, they tell how often an exemplar is found by chance or because
    of the words of the prompt alone.
    """
    return [
        ModelSpec(
            concept_kind=spec.concept_kind,
            concept=spec.concept,
            category=spec.category,
            case_name=spec.case_name,
            split="control",
            exemplar_ids=spec.exemplar_ids,
            training_prompts=(),
            samples=_without_token(spec.samples),
            method="none",
        )
        for spec in specs
        if spec.split == "test"
    ]


def _without_token(samples: Sequence[SampleSpec]) -> tuple[SampleSpec, ...]:
    """Evenly over the schemes, about CONTROL_SAMPLES: the base needs no more to show what it finds."""
    step = max(1, len(samples) // CONTROL_SAMPLES)
    return tuple(
        SampleSpec(s.scheme, " ".join(s.prompt.replace("V*", "").split()), s.seed) for s in samples[::step]
    )


def _spec(model: PlannedModel) -> ModelSpec:
    return ModelSpec(
        concept_kind=model.kind,
        concept=model.concept,
        category=model.category,
        case_name=model.case_name,
        split=model.split,
        exemplar_ids=model.exemplars,
        training_prompts=model.train_prompts,
        samples=tuple(SampleSpec(*sample) for sample in model.samples),
    )
