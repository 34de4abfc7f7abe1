"""Controls: the untouched base on the prompts of test models."""

from collections.abc import Sequence
from dataclasses import replace

from ..specs import TOKEN, ModelSpec, SampleSpec

CONTROL_SAMPLES = 8
"""About how many samples a control has."""


def plan_controls(specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    """A control for each test model: the untouched base on its prompts and seeds, with V* left out.

    Evaluated against the same exemplars, controls measure how often an exemplar is found by chance or by
    the words of the prompt alone. Each has about CONTROL_SAMPLES samples, evenly over the schemes.
    """
    return [
        replace(
            spec, split="control", method="none", seed=0, training_prompts=(), samples=_control_samples(spec)
        )
        for spec in specs
        if spec.split == "test"
    ]


def _control_samples(spec: ModelSpec) -> tuple[SampleSpec, ...]:
    step = max(1, len(spec.samples) // CONTROL_SAMPLES)
    return tuple(
        replace(sample, prompt=" ".join(sample.prompt.replace(TOKEN, "").split()))
        for sample in spec.samples[::step]
    )
