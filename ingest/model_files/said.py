"""What people say of a model that they have: by options, or in a row of a table."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from ...store import InvalidInputError
from ..generated.models import names_in
from ..images.sources.cells import text_of
from ..specs import KINDS, METHODS, SPLITS

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "model": ("model", "file", "file_name", "path"),
    "exemplars": ("exemplars", "exemplar_ids", "images"),
    "base": ("base", "base_model"),
    "method": ("method",),
    "concept": ("concept", "name"),
    "category": ("category", "class"),
    "trigger": ("trigger", "trigger_word", "token"),
    "kind": ("kind", "concept_kind"),
    "split": ("split",),
    "case_name": ("case", "case_name"),
}
"""By what is known of a model, the columns of a table that say it; the first that a row has counts."""

CHOICES = {"kind": KINDS[:2], "split": SPLITS[:3], "method": METHODS[:-1]}
HINT = "see docs/models.md for the columns of a table of models"


@dataclass(frozen=True)
class Said:
    """What is known of one model without opening its file; None, or empty, is unknown.

    Attributes:
        exemplars: a folder (or another source of images), or names of images that are stored.
        trigger: the word or token by which prompts name the concept.
        kind: 'object' or 'style'.

    Raises InvalidInputError for a kind, split or method that there is not.
    """

    exemplars: tuple[str, ...] = ()
    base: str | None = None
    method: str | None = None
    concept: str | None = None
    category: str | None = None
    trigger: str | None = None
    kind: str | None = None
    split: str | None = None
    case_name: str | None = None

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise InvalidInputError(f"{name} is {value!r}, not one of {', '.join(known)}", hint=HINT)

    def or_else(self, other: Self) -> Self:
        """What this says, and `other` where it says nothing."""
        return type(self)(
            **{one.name: getattr(self, one.name) or getattr(other, one.name) for one in fields(self)}
        )


def read_row(row: Mapping[str, Any]) -> tuple[str | None, Said]:
    """The file of a model and what a row of a table says of it. Raises InvalidInputError."""
    by_name = {name.strip().lower(): value for name, value in row.items()}
    values = {
        what: next((by_name[name] for name in names if by_name.get(name) not in (None, "", [])), None)
        for what, names in COLUMNS.items()
    }
    exemplars = tuple(dict.fromkeys(names_in(values.pop("exemplars"))))
    texts = {name: text_of(value) for name, value in values.items()}
    return texts.pop("model"), Said(exemplars, **texts)
