"""The plan of a study: what is compared, and how, as `study.toml` has it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..store.errors import InvalidInputError, NotFoundError

Names = tuple[str, ...] | None
"""Some names in their order; None for all that there are."""

METRICS = ("recall_5", "recall_10", "recall_100", "ap")
RECIPES = ("paper", "world", "best")
"""The recipes of `attribase.train`, which imports torch; tested to be the same."""

CHOICES = {"metric": METRICS, "recipe": RECIPES}

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class StudyPlan:
    """What a study compares.

    Attributes:
        encoders: encoders of the store; None for all with vectors.
        variants: mapper variants that are trained on each, `none` for raw features; None for all.
        mappers: mappers that the store has already, by name, beside the variants.
        recipe: the settings that variants are trained with.
        metric: what figures and comparisons show.
        cases: test cases; None for all.
        checks: names of checks; None for all.
        labels: labels that images are retrieved by; None for those of the literature that images have.
        seed: of trainings and of checks.
        vectors: files of features that were made elsewhere, by the name of the encoder that they become.
        check_settings: settings of checks by name.
    """

    encoders: Names = None
    variants: Names = None
    mappers: tuple[str, ...] = ()
    recipe: str = "paper"
    metric: str = "recall_10"
    cases: Names = None
    checks: Names = None
    labels: Names = None
    seed: int = 0
    vectors: Mapping[str, str] = field(default_factory=dict)
    check_settings: Mapping[str, Settings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InvalidInputError(
                    f"the plan's {name} is {getattr(self, name)!r}", hint=f"use one of {', '.join(known)}"
                )
        for name in ("encoders", "cases"):
            if getattr(self, name) == ():
                raise InvalidInputError(
                    f"the plan names no {name}", hint=f"leave out `{name}` to take all, or name some"
                )
        if self.variants == () and not self.mappers:
            raise InvalidInputError(
                "the plan names no variants and no mappers",
                hint="leave out `variants` to take all; variants = ['none'] compares raw features",
            )

    def settings_of(self, check: str) -> Settings:
        """The settings of one check; empty where the plan has none."""
        return self.check_settings.get(check, {})

    def to_toml(self) -> str:
        """The plan as `study.toml`; what is left out, and so means all that there are, is a comment."""
        lines = []
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in TABLES_OF_PLAN:
                lines.append(f"# {one.name}: all" if value is None else f"{one.name} = {_toml(value)}")
        for name, path in self.vectors.items():
            lines += ["", "[vectors]"] if name == next(iter(self.vectors)) else []
            lines.append(f"{_toml(name)} = {_toml(path)}")
        for check, settings in self.check_settings.items():
            lines += ["", f"[check_settings.{_toml(check)}]"]
            lines += [f"{_toml(name)} = {_toml(value)}" for name, value in settings.items()]
        return "\n".join(lines) + "\n"


TABLES_OF_PLAN = ("vectors", "check_settings")
"""The fields that are tables in TOML."""


def read_plan(path: Path) -> StudyPlan:
    """The plan in a TOML file. Paths of `vectors` are relative to the file.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: no TOML, an unknown key, or a value of another type than the key has.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFoundError(
            f"cannot read the plan {path}: {error.strerror}", hint="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"the plan {path} is not UTF-8", hint="save it as UTF-8") from error
    plan = parse_plan(text, str(path))
    here = path.resolve().parent
    vectors = {name: str(here / file) for name, file in plan.vectors.items()}
    return StudyPlan(**{one.name: getattr(plan, one.name) for one in fields(plan)} | {"vectors": vectors})


def parse_plan(text: str, source: str = "study.toml") -> StudyPlan:
    """The plan that a TOML text has; `source` names it in errors. InvalidInputError as `read_plan`."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(
            f"{source} is no TOML: {error}", hint='a line is a key and a value: metric = "recall_10"'
        ) from error
    known = [one.name for one in fields(StudyPlan)]
    if unknown := [name for name in found if name not in known]:
        raise InvalidInputError(
            f"{source} has the unknown key {unknown[0]!r}", hint=f"the keys are {', '.join(known)}"
        )
    return StudyPlan(**{name: _checked(name, value, source) for name, value in found.items()})


def _checked(name: str, value: Any, source: str) -> Any:
    """The value of a key; InvalidInputError where it has another type."""
    if name in ("encoders", "variants", "mappers", "cases", "checks", "labels"):
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            if len(set(value)) == len(value):
                return tuple(value)
            raise InvalidInputError(f"{source}: {name} names something twice", hint="name each once")
        expected = f'a list of names: {name} = ["..."]'
    elif name == "seed":
        if type(value) is int:
            return value
        expected = "a whole number: seed = 0"
    elif name in TABLES_OF_PLAN:
        inner = str if name == "vectors" else dict
        if isinstance(value, dict) and all(isinstance(one, inner) for one in value.values()):
            return value
        expected = (
            'a table of files: [vectors], then NAME = "FILE"'
            if name == "vectors"
            else "a table for each check: [check_settings.NAME]"
        )
    else:
        if isinstance(value, str):
            return value
        expected = f'text: {name} = "{CHOICES[name][0]}"'
    raise InvalidInputError(f"{source}: {name} is {value!r}", hint=f"give {expected}")


def _toml(value: Any) -> str:
    """A value or a quoted key in TOML: text, numbers and lists are written as in JSON, tables inline."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(name)} = {_toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, (str, bool, int, float)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)  # dates and times
