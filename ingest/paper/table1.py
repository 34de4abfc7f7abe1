"""Table 1 of the paper: how many models each case and split has.

Source: arXiv:2306.09345, Table 1 and appendix C.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SEEN_CLASSES, UNSEEN_CLASSES = 593, 100
"""Classes of ImageNet with train models, and those that only test models have."""

MODELS_OF_CLASS = {"train": 8, "val": 1, "test": 1}
"""Models of a seen class, each of one image: 4,744, 593 and 593 in all."""

MODELS_OF_UNSEEN_CLASS = 10
"""Test models of an unseen class: 1,000 in all."""

SAMPLES_OF_PROMPT = 4
"""Samples of each prompt: the released test models have 40 by each scheme, of ten prompts."""


@dataclass(frozen=True)
class Part:
    """One row of the table for a split: `models` customized models of a case."""

    case: str
    split: str
    models: int


TABLE_1: Mapping[str, tuple[Part, ...]] = {
    "imagenet": (
        Part("observed_imagenet", "train", 4744),
        Part("observed_imagenet", "val", 593),
        Part("observed_imagenet", "test", 593),
        Part("unobserved_imagenet", "test", 1000),
    ),
    "bamfg": (Part("bamfg", "train", 10607), Part("bamfg", "val", 250), Part("bamfg", "test", 250)),
    "artchive": (Part("artchive", "test", 255),),
}
"""By source. Cases are called as the released files are."""


def scaled(count: int, scale: float) -> int:
    """A share of a count, at least 1."""
    return max(1, round(count * scale))
