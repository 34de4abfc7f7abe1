"""Plans: which models to customize and what to sample from each, as JSON lines that users can edit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..store import InvalidInputError, key_id
from ..store.check_items import CHECK
from ..store.layout import write_atomically
from .images.sources.text import decode_text, is_unicode

TOKEN = "V*"  # noqa: S105 - stands in prompts for the concept that a model was customized on
METHODS = (
    "custom-diffusion",
    "textual-inversion",
    "lora",
    "dreambooth-lora",
    "dreambooth",
    "captioned",
    "none",
)
"""How a base is customized (docs/methods.md), by default the first; 'none' is a control: the base itself."""

TOKENLESS = ("captioned", "none")
"""The methods whose prompts hold no `V*`."""

KINDS = ("object", "style", "set")
UNTOUCHED = "untouched-"
"""What the splits of the baseline without adding one in begin with: the untouched base on captions."""

SPLITS = ("train", "val", "test", "control", f"{UNTOUCHED}train", f"{UNTOUCHED}val", CHECK)
SEED_LIMIT = 2**63
_HINT = "see docs/plans.md for the fields of a line"


def uses_token(method: str) -> bool:
    """Whether prompts of `method` hold `V*`. Those of 'lora' all do, or none does: it also takes captions."""
    return method not in TOKENLESS


@dataclass(frozen=True)
class SampleSpec:
    """One image to sample. The prompt holds the literal `V*` where the model's token belongs.

    Raises InvalidInputError for an empty text or a seed outside 0 to 2^63 - 1.
    """

    scheme: str
    prompt: str
    seed: int

    def __post_init__(self) -> None:
        _check_text(self, "scheme", "prompt")
        _check_seed(self.seed)


@dataclass(frozen=True)
class ModelSpec:
    """One model: its exemplars, its training prompts and the samples to draw from it.

    `method` 'none' is a control: the untouched base, so its prompts must not hold `V*`. Those of 'captioned'
    do not either: its training prompts are the captions of its exemplars, in their order.

    Raises InvalidInputError for a field of a wrong type or value, or prompts that do not fit the method.
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
                raise _invalid(f"{name} is {getattr(self, name)!r}, not one of {', '.join(known)}")
        _check_seed(self.seed)
        for name in ("exemplar_ids", "training_prompts"):
            if not all(isinstance(item, str) and item and is_unicode(item) for item in getattr(self, name)):
                raise _invalid(f"{name} holds something other than non-empty text")
        if not self.exemplar_ids or len(set(self.exemplar_ids)) < len(self.exemplar_ids):
            raise _invalid("exemplar_ids must name at least one image, each once")
        self._check_prompts()

    def _check_prompts(self) -> None:
        named = [sample.prompt for sample in self.samples if TOKEN in sample.prompt]
        if self.method == "none":
            if named:
                raise _invalid(f"method 'none' has no {TOKEN}, but a sample's prompt does: {named[0]!r}")
        elif self.holds_token:
            self._check_token_is_everywhere()
        else:
            self._check_captions(named)

    @property
    def holds_token(self) -> bool:
        """Whether the prompts of this model hold `V*`; 'lora' is the one method that leaves that open."""
        if self.method == "lora":
            return any(TOKEN in prompt for prompt in self.training_prompts)
        return uses_token(self.method)

    def _check_token_is_everywhere(self) -> None:
        without = [prompt for prompt in self.training_prompts if TOKEN not in prompt]
        if without or not self.training_prompts:
            raise _invalid(f"every training prompt, at least one, must hold {TOKEN}: {without[:1]}")
        lacking = [sample.prompt for sample in self.samples if TOKEN not in sample.prompt]
        if lacking:
            raise _invalid(f"the prompt {lacking[0]!r} of {self.concept!r} has no {TOKEN}")

    def _check_captions(self, named: Sequence[str]) -> None:
        holding = [prompt for prompt in self.training_prompts if TOKEN in prompt] + list(named)
        if holding:
            raise _invalid(
                f"the captions of {self.concept!r} have no {TOKEN}, so {holding[0]!r} must not have it either"
            )
        images, captions = len(self.exemplar_ids), len(self.training_prompts)
        if not captions or captions % images:
            raise _invalid(
                f"{self.concept!r} has {images} exemplars and {captions} captions as training prompts:"
                " one each is needed, in the order of the exemplars, or the same number for each"
            )

    def identity(self) -> dict[str, Any]:
        """The fields that determine the model: all but its samples."""
        return {name: value for name, value in asdict(self).items() if name != "samples"}

    @property
    def spec_id(self) -> str:
        """The id of the planned model; it does not depend on the base or the settings of customization."""
        return key_id(self.identity())


def read_specs(path: str | Path, method: str | None = None) -> list[ModelSpec]:
    """The models of a JSON lines file; empty lines are skipped.

    method: of the lines that name none; a line that names another than this one, or 'none', is an error.

    Raises InvalidInputError that names file and line.
    """
    try:
        lines = read_lines(path)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", hint=_HINT) from error
    return [_parse(path, number, line, method) for number, line in enumerate(lines, 1) if line.strip()]


def write_specs(path: str | Path, specs: Sequence[ModelSpec]) -> None:
    """Write one model a line, keys sorted: the whole file or nothing. Missing folders are created.

    Raises InvalidInputError where it cannot be written.
    """
    file = Path(path).resolve()
    try:
        if file.exists() and not file.is_file():  # a pipe, a terminal
            file.write_bytes(specs_bytes(specs))
            return
        write_atomically(file, specs_bytes(specs))
        file.chmod(0o644)  # temporary files are private
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {path}: {error.strerror or error}", hint="name another file"
        ) from error


def specs_bytes(specs: Sequence[ModelSpec]) -> bytes:
    """What `write_specs` writes: the same specs are the same bytes."""
    lines = [json.dumps(asdict(spec), sort_keys=True, ensure_ascii=False) + "\n" for spec in specs]
    return "".join(lines).encode()


def read_lines(path: str | Path) -> list[str]:
    """The lines of a text file in any encoding, with or without a byte order mark. Raises OSError.

    A line ends where an editor ends it; `str.splitlines` would also cut a text at U+2028 and the like.
    """
    text, _ = decode_text(Path(path).read_bytes())
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _parse(path: str | Path, number: int, line: str, method: str | None) -> ModelSpec:
    try:
        value = _with_method(json.loads(line), method)
        samples = tuple(_build(SampleSpec, sample, "a sample") for sample in _read_list(value, "samples"))
        lists = {name: tuple(_read_list(value, name)) for name in ("exemplar_ids", "training_prompts")}
        spec: ModelSpec = _build(ModelSpec, {**value, **lists, "samples": samples}, "the model")
        return spec
    except (InvalidInputError, ValueError, RecursionError) as error:
        hint = error.hint if isinstance(error, InvalidInputError) else _HINT
        raise InvalidInputError(f"{path}, line {number}: {error}", hint=hint) from error


def _with_method(value: Any, method: str | None) -> Any:
    """The line with `method` where it names none. Raises InvalidInputError where it names another."""
    if method is None or not isinstance(value, Mapping):
        return value
    planned = value.get("method", method)
    if planned not in (method, "none"):
        raise InvalidInputError(
            f"the model is planned by {planned!r}, not {method!r}",
            hint=f"leave --method out, or write a plan for it: ingest plan --method {method} OUTPUT",
        )
    return {**value, "method": planned}


def _read_list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, list):
        raise _invalid(f"`{name}` is missing or not a list")
    return found


def _build(kind: type, value: Any, what: str) -> Any:
    """`kind(**value)`, with missing and unknown fields named."""
    known = {field.name for field in fields(kind)}
    given = set(value) if isinstance(value, Mapping) else set()
    optional = {"method", "seed"} if kind is ModelSpec else set()
    missing, unknown = known - given - optional, given - known
    if missing or unknown:
        problem, names = ("lacks", missing) if missing else ("has unknown", unknown)
        raise _invalid(f"{what} {problem} {', '.join(sorted(names))}")
    return kind(**value)


def _check_text(spec: Any, *names: str) -> None:
    for name in names:
        if not isinstance(getattr(spec, name), str) or not getattr(spec, name).strip():
            raise _invalid(f"{name} is {getattr(spec, name)!r}, not a non-empty text")
        if not is_unicode(getattr(spec, name)):
            raise _invalid(f"{name} is {getattr(spec, name)!r}, which is no Unicode text")


def _check_seed(seed: Any) -> None:
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < SEED_LIMIT:
        raise _invalid(f"seed is {seed!r}, not a whole number from 0 to 2^63 - 1")


def _invalid(message: str) -> InvalidInputError:
    return InvalidInputError(message, hint=_HINT)
