"""Sampling: draw images from customized models with DDIM, and store them."""

from .config import SCHEDULERS, SampleConfig, sample_defaults_for
from .job import sample, sample_id

__all__ = ["SCHEDULERS", "SampleConfig", "sample", "sample_defaults_for", "sample_id"]
