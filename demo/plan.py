"""The models of a demo: those of the embedded world's plan, and their controls."""

from collections.abc import Sequence

from ..ingest.specs import ModelSpec, SampleSpec
from ..ingest.world.plan import PlannedModel, plan

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
