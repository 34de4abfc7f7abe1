"""Rows of `models` that were customized elsewhere: what a table says of a sample's model."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...store import InvalidInputError, Store, key_id
from ..images.sources.cells import text_of
from ..specs import KINDS, SPLITS
from .exemplars import StoredImages

EXTERNAL = "external"
"""`models.method` of a model that was customized elsewhere, where its table does not say how."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "exemplars": ("exemplars", "exemplar_ids", "exemplar"),
    "model_name": ("model_name", "model"),
    "case_name": ("case", "case_name"),
    "split": ("split",),
    "method": ("method",),
    "concept_kind": ("concept_kind",),
    "concept": ("concept",),
    "base_model": ("base_model", "generator"),
}
"""By what is known of a model, the columns that say it; the first that a row has counts."""

CASE, SPLIT, KIND = "external", "test", "object"
"""Of a model whose table does not say them; a case that is called as a kind is of that kind."""

_HINT = "see docs/samples.md for the columns of a table with exemplars"


@dataclass(frozen=True)
class ModelOf:
    """What one row of a table says of the model that drew its picture. `exemplars` are names of images."""

    name: str | None
    exemplars: tuple[str, ...]
    case_name: str
    split: str
    method: str
    concept_kind: str
    concept: str | None
    category: str | None
    base_model: str | None


def read_model(item: str, fields: Mapping[str, Any], category: str | None = None) -> ModelOf | None:
    """The model that the `fields` of a row name; None where they name no exemplars.

    Raises InvalidInputError, which names the `item`, for a split or kind that there is not.
    """
    values = {name: _value(fields, columns) for name, columns in COLUMNS.items()}
    exemplars = tuple(dict.fromkeys(names_in(values.pop("exemplars"))))
    if not exemplars:
        return None
    texts = {name: text_of(value) for name, value in values.items()}
    case, split = texts["case_name"] or CASE, texts["split"] or SPLIT
    kind = texts["concept_kind"] or (case if case in KINDS else KIND)
    for what, value, known in (("split", split, SPLITS), ("concept_kind", kind, KINDS)):
        if value not in known:
            raise InvalidInputError(f"{item}: {what} is {value!r}, not one of {', '.join(known)}", hint=_HINT)
    method = texts["method"] or ("none" if split == "control" else EXTERNAL)
    return ModelOf(
        texts["model_name"],
        exemplars,
        case,
        split,
        method,
        kind,
        texts["concept"],
        category,
        texts["base_model"],
    )


def columns_of_models() -> frozenset[str]:
    """The names of the columns that say something of a model alone."""
    return frozenset(name for names in COLUMNS.values() for name in names) - {
        "model",
        "base_model",
        "generator",
    }


class ExternalModels:
    """Makes the rows of models as samples of them come."""

    def __init__(self, store: Store) -> None:
        self.made = 0
        self._store = store
        self._images = StoredImages(store)
        self._ids: dict[ModelOf, str] = {}
        self._by_name: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def check(self, models: Sequence[ModelOf]) -> None:
        """Look for the exemplars of all models, before anything is written. Raises as `ids`."""
        self._images.find({name for model in models for name in model.exemplars})
        for model in models:
            self._identify(model)

    def ids(self, models: Sequence[ModelOf]) -> list[str]:
        """The model_id of each; models that are new are stored.

        Raises:
            NotFoundError: an exemplar that is not stored.
            InvalidInputError: an exemplar whose name several images have; a model of different exemplars.
        """
        self._images.find({name for model in models for name in model.exemplars})
        rows = [row for model in dict.fromkeys(models) if model not in self._ids for row in self._row(model)]
        if rows:
            self.made += self._store.upsert("models", rows)
        return [self._ids[model] for model in models]

    def _row(self, model: ModelOf) -> Iterator[dict[str, Any]]:
        self._ids[model], exemplars = self._identify(model)
        yield {
            "model_id": self._ids[model],
            "method": model.method,
            "base_model": model.base_model,
            "concept_kind": model.concept_kind,
            "concept": model.concept or model.name,
            "category": model.category,
            "exemplar_ids": list(exemplars),
            "case_name": model.case_name,
            "split": model.split,
            "config": json.dumps({"model_name": model.name, "source": EXTERNAL}, sort_keys=True),
        }

    def _identify(self, model: ModelOf) -> tuple[str, tuple[str, ...]]:
        """The id of a model and those of its exemplars.

        What only describes it (concept, category, base) does not decide its id.
        """
        found = self._images.find(())
        exemplars = tuple(dict.fromkeys(found[name] for name in model.exemplars))
        if model.name is not None:
            place = (model.name, model.case_name, model.split)
            if set(self._by_name.setdefault(place, exemplars)) != set(exemplars):
                raise InvalidInputError(
                    f"two rows give the model {model.name!r} of case {model.case_name!r} different exemplars",
                    hint="give models of different exemplars different names",
                )
        identity = [
            model.name,
            model.case_name,
            model.split,
            model.method,
            model.concept_kind,
            sorted(exemplars),
        ]
        return key_id(EXTERNAL, identity), exemplars


def _value(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name) not in (None, "", [])), None)


def names_in(value: Any) -> Iterator[str]:
    """The names in a cell of a table: a list, a list in JSON, or text with `;` between them."""
    if isinstance(value, list | tuple):
        yield from (name for part in value if (name := text_of(part)))
        return
    text = text_of(value) or ""
    if text.startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list):
            yield from names_in(found)
            return
    yield from (part.strip() for part in text.split(";") if part.strip())
