"""How a picture was generated, as far as it was written down: prompt, seed, steps, guidance and the rest."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from ..images.sources.cells import TEXTS, text_of
from ..images.sources.source import ImageRecord
from ..images.sources.text import json_object

COLUMN_NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "positive_prompt", "positive", "p"),
    "seed": ("seed", "noise_seed", "se"),
    "steps": ("steps", "step", "num_inference_steps", "inference_steps", "st"),
    "guidance": ("guidance", "guidance_scale", "cfg_scale", "cfg", "scale", "c"),
    "scheduler": ("sampler", "sampler_name", "scheduler", "sa"),
    "created": ("created", "created_at", "generated_at", "timestamp"),
    "generator": ("generator", "base_model", "model", "checkpoint", "ckpt_name", "sd_model_name"),
}
"""By column of `samples`, the fields of a table or of a `.json` beside a picture that are recognised, in any
case; the first that has a value counts."""

OWN_COLUMNS = tuple(part for part in TEXTS if part != "caption")
"""Parts of an image that samples have no column for: they go into `metadata`."""

LARGEST_SEED = 2**63 - 1
LARGEST_STEPS = 2**31 - 1


@dataclass(frozen=True)
class Settings:
    """How one picture was generated; None is unknown.

    Attributes:
        generator: the base model or checkpoint, as it is named there.
        created: when it was generated, in UTC without a zone; a time that names none is taken as UTC.
        others: everything else, as JSON values.
    """

    prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    generator: str | None = None
    created: datetime | None = None
    others: Mapping[str, Any] = field(default_factory=dict)

    def or_else(self, other: "Settings") -> "Settings":
        """These settings, and `other` where they say nothing."""
        own, more = vars(self), vars(other)
        columns = {
            one.name: more[one.name] if own[one.name] is None else own[one.name]
            for one in fields(self)
            if one.name != "others"
        }
        return Settings(**columns, others={**other.others, **self.others})


def settings_of(values: Mapping[str, Any]) -> Settings:
    """The settings among named values. What does not fit its column stays in `others`, as it was."""
    by_name: dict[str, str] = {}
    for name in values:
        by_name.setdefault(name.strip().lower().replace("-", "_").replace(" ", "_"), name)
    found: dict[str, Any] = {}
    used: set[str] = set()
    for column, known in COLUMN_NAMES.items():
        for name in known:
            value = _fit(column, values.get(by_name.get(name, "")))
            if value is not None:
                found[column] = value
                used.add(by_name[name])
                break
    return Settings(**found, others=json_object({n: v for n, v in values.items() if n not in used}))


def record_settings(record: ImageRecord) -> Settings:
    """The settings that a source has beside a picture; its caption is the prompt where no field is."""
    own = {name: getattr(record, name) for name in OWN_COLUMNS}
    return settings_of({**own, **record.metadata}).or_else(Settings(prompt=record.caption))


def whole_number(value: Any, largest: int) -> int | None:
    """`value` as a whole number from 0 to `largest`; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 20):
            return None
        value = int(text)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value <= largest else None


def moment(value: Any) -> datetime | None:
    """`value` as a time in UTC: a datetime, text in ISO format, or seconds since 1970; None for others."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            value = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def finite_number(value: Any) -> float | None:
    """`value` as a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _fit(column: str, value: Any) -> Any:
    """`value` as the column of `samples` holds it; None where it does not fit."""
    if value is None or isinstance(value, Mapping | list | tuple):
        return None
    if column == "created":
        return moment(value)
    if column == "seed":
        return whole_number(value, LARGEST_SEED)
    if column == "steps":
        return whole_number(value, LARGEST_STEPS)
    return finite_number(value) if column == "guidance" else text_of(value)
