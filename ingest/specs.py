"""Plans: which models to customize and what to sample from each, as JSON lines that people can edit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..store import InvalidInputError, key_id

TOKEN = "V*"  # noqa: S105 - how prompts name what a model was customized on
METHODS = ("custom-diffusion", "none")
KINDS = ("object", "style", "set")
SPLITS = ("train", "val", "test", "control")
SEED_LIMIT = 2**63
_HINT = "see docs/plans.md for what a line holds"


@dataclass(frozen=True)
class SampleSpec:
    """One picture to draw. The prompt holds the literal `V*` where the model's token belongs."""

    scheme: str
    prompt: str
    seed: int

    def __post_init__(self) -> None:
        _check_text(self, "scheme", "prompt")
        _check_seed(self.seed)


@dataclass(frozen=True)
class ModelSpec:
    """One model: its exemplars, what to train it with, what to draw with it.

    `method` 'none' is a control: the untouched base, so its prompts must not hold `V*`.

    Raises InvalidInputError when the fields do not fit together.
    """

    concept_kind: str
    concept: str
    category: str
    case_name: str
    split: str
    exemplar_ids: tuple[str, ...]
    training_prompts: tuple[str, ...]
    samples: tuple[SampleSpec, ...]
    method: str = METHODS[0]
    seed: int = 0

    def __post_init__(self) -> None:
        _check_text(self, "concept", "category", "case_name")
        for name, known in (("concept_kind", KINDS), ("split", SPLITS), ("method", METHODS)):
            if getattr(self, name) not in known:
                raise _wrong(f"{name} is {getattr(self, name)!r}, not one of {', '.join(known)}")
        _check_seed(self.seed)
        for name in ("exemplar_ids", "training_prompts"):
            if not all(isinstance(item, str) and item for item in getattr(self, name)):
                raise _wrong(f"{name} holds something that is no text")
        if not self.exemplar_ids or len(set(self.exemplar_ids)) < len(self.exemplar_ids):
            raise _wrong("exemplar_ids must name at least one image, each once")
        self._check_prompts()

    def _check_prompts(self) -> None:
        if self.method == "none":
            named = [sample.prompt for sample in self.samples if TOKEN in sample.prompt]
            if named:
                raise _wrong(f"method 'none' has no {TOKEN}, but a sample's prompt does: {named[0]!r}")
            return
        without = [prompt for prompt in self.training_prompts if TOKEN not in prompt]
        if without or not self.training_prompts:
            raise _wrong(f"every training prompt, at least one, must hold {TOKEN}: {without[:1]}")

    def identity(self) -> dict[str, Any]:
        """What sets this model apart from others: all but what is drawn with it."""
        return {name: value for name, value in asdict(self).items() if name != "samples"}

    @property
    def spec_id(self) -> str:
        """The id of the model as planned, whatever base and settings it is made with."""
        return key_id(self.identity())


def read_specs(path: str | Path) -> list[ModelSpec]:
    """The models of a JSON lines file; empty lines are skipped.

    Raises InvalidInputError that names file and line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", hint=_HINT) from error
    return [_parse(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def write_specs(path: str | Path, specs: Sequence[ModelSpec]) -> None:
    """Write one model a line, keys sorted."""
    lines = [json.dumps(asdict(spec), sort_keys=True, ensure_ascii=False) + "\n" for spec in specs]
    Path(path).write_text("".join(lines), encoding="utf-8")


def _parse(path: str | Path, number: int, line: str) -> ModelSpec:
    try:
        value = json.loads(line)
        samples = tuple(_build(SampleSpec, sample, "a sample") for sample in _list(value, "samples"))
        lists = {name: tuple(_list(value, name)) for name in ("exemplar_ids", "training_prompts")}
        spec: ModelSpec = _build(ModelSpec, {**value, **lists, "samples": samples}, "the model")
        return spec
    except (InvalidInputError, ValueError) as error:
        hint = error.hint if isinstance(error, InvalidInputError) else _HINT
        raise InvalidInputError(f"{path}, line {number}: {error}", hint=hint) from error


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, list):
        raise _wrong(f"`{name}` is missing or no list")
    return found


def _build(kind: type, value: Any, what: str) -> Any:
    """`kind(**value)`, with missing and unknown fields named."""
    names = [field.name for field in fields(kind)]
    given = set(value) if isinstance(value, Mapping) else set()
    optional = {"method", "seed"} if kind is ModelSpec else set()
    missing, unknown = set(names) - given - optional, given - set(names)
    if missing or unknown:
        problem = (
            "lacks " + ", ".join(sorted(missing)) if missing else "has unknown " + ", ".join(sorted(unknown))
        )
        raise _wrong(f"{what} {problem}")
    return kind(**value)


def _check_text(spec: Any, *names: str) -> None:
    for name in names:
        if not isinstance(getattr(spec, name), str) or not getattr(spec, name).strip():
            raise _wrong(f"{name} is {getattr(spec, name)!r}, not a text")


def _check_seed(seed: Any) -> None:
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < SEED_LIMIT:
        raise _wrong(f"seed is {seed!r}, not a whole number from 0 to 2^63 - 1")


def _wrong(message: str) -> InvalidInputError:
    return InvalidInputError(message, hint=_HINT)
