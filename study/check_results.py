"""What the checks of a study measured, kept in its folder for every later report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..store import Step, Store
from ..store.errors import AttribaseError, DataError
from ..store.layout import write_atomically
from .checks.check import Check, CheckFigure, CheckPlan, CheckRow
from .folder import Skipped, StudyFolder

FOLDER = "checks"
STAGE = "checks"


@dataclass(frozen=True)
class CheckResult:
    """A check's table and figures as they were measured."""

    name: str
    title: str
    rows: tuple[CheckRow, ...]
    figures: tuple[CheckFigure, ...] = ()

    def to_json(self) -> str:
        """The text of the check's file."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, default=float) + "\n"

    @classmethod
    def from_json(cls, text: str) -> CheckResult:
        """The result in the text of a file. Raises KeyError, TypeError or ValueError for another."""
        found = json.loads(text)
        return cls(
            found["name"],
            found["title"],
            tuple(CheckRow(**row) for row in found["rows"]),
            tuple(CheckFigure(**one) for one in found["figures"]),
        )


def run_checks(
    folder: StudyFolder, store: Store, checks: Sequence[Check], plan: CheckPlan, skipped: list[Skipped]
) -> Iterator[Step]:
    """Make what each check needs, then measure it and write it down; what cannot be is added to `skipped`."""
    for number, check in enumerate(checks):
        try:
            yield from check.prepare(store, plan)
            yield Step(STAGE, number, len(checks), check.title)
            result = CheckResult(
                check.name, check.title, tuple(check.rows(store, plan)), tuple(check.figures(store, plan))
            )
        except AttribaseError as error:  # too few models, no gallery, a setting out of range
            skipped.append(Skipped(f"check {check.name}", str(error)))
            continue
        write_atomically(_path(folder, check.name), result.to_json().encode())
        yield Step(STAGE, number + 1, len(checks), check.title)


def read_results(folder: StudyFolder, names: Sequence[str]) -> list[CheckResult]:
    """What checks measured, by their names. Raises DataError for a file that is missing or broken."""
    results = []
    for name in names:
        path = _path(folder, name)
        try:
            results.append(CheckResult.from_json(path.read_text(encoding="utf-8")))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path} has no results of a check",
                hint=f"measure it again: attribase study run {folder.path}",
            ) from error
    return results


def _path(folder: StudyFolder, name: str) -> Path:
    return folder.path / FOLDER / f"{name}.json"
