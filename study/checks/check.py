"""What a check is: steps that make its items in a store, and a table with intervals of what they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ...query import Features
from ...store import InvalidInputError, Step, Store

ALL = "all"
"""The case of a row over all cases."""


@dataclass(frozen=True)
class CheckRow:
    """One number of a check.

    Attributes:
        check: the name of the check.
        question: what `value` is the answer to.
        encoder: of the features.
        mapper: of the features; `none` for raw ones.
        case_name: what the number is about: an alteration, a method, a case; ALL for everything.
        value: the number.
        low: the lower end of its 95% interval over models; None where these are too few.
        high: the upper end.
        reference: what it is to be compared with, as chance; None where there is nothing.
        models: how many independent models, or original images, it is of.
        passed: whether the features are as they must be; None where a check only measures.
    """

    check: str
    question: str
    encoder: str
    mapper: str
    case_name: str
    value: float
    low: float | None
    high: float | None
    reference: float | None
    models: int
    passed: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class CheckFigure:
    """A figure of a check: SVG text, and the numbers that it draws, as rows with the same columns."""

    name: str
    title: str
    svg: str
    rows: Sequence[Mapping[str, Any]] = field(repr=False)


@dataclass(frozen=True)
class CheckPlan:
    """What checks are made with.

    Attributes:
        features: encoders and mappers that are checked.
        settings: of each check by its name; what is not named has its default.
        workers: processes that customize and sample; None for one a core or GPU.
    """

    features: tuple[Features, ...]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    workers: int | None = None

    def encoders(self) -> tuple[str, ...]:
        """The encoders of the features, each once."""
        return tuple(dict.fromkeys(one.encoder for one in self.features))

    def number(self, check: str, name: str, default: int) -> int:
        """The whole number `name` of a check. Raises InvalidInputError for anything else, or below 1."""
        value = self.settings.get(check, {}).get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidInputError(
                f"[check_settings.{check}] {name} is {value!r}, not a whole number from 1",
                hint=f"the default is {default}",
            )
        return value


class Check(Protocol):
    """One check. Making what it needs can be stopped at any time, and goes on when it is called again."""

    @property
    def name(self) -> str:
        """As plans and commands call it."""
        ...

    @property
    def title(self) -> str:
        """The heading of its table."""
        ...

    @property
    def numbers(self) -> Mapping[str, int]:
        """Its settings with their defaults."""
        ...

    def prepare(self, store: Store, plan: CheckPlan) -> Iterator[Step]:
        """Make the images, models, samples and vectors that are missing."""
        ...

    def rows(self, store: Store, plan: CheckPlan) -> list[CheckRow]:
        """The table; empty where nothing was prepared."""
        ...

    def figures(self, store: Store, plan: CheckPlan) -> list[CheckFigure]:
        """The figures; empty where it has none."""
        ...


def write_figures(figures: Sequence[CheckFigure], folder: Path) -> list[Path]:
    """Write each figure as NAME.svg, with its numbers beside it as NAME.csv. Returns the SVG files."""
    import csv

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for figure in figures:
        path = folder / f"{figure.name}.svg"
        path.write_text(figure.svg, encoding="utf-8")
        with (folder / f"{figure.name}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(figure.rows[0]) if figure.rows else [])
            table.writeheader()
            table.writerows(figure.rows)
        written.append(path)
    return written
