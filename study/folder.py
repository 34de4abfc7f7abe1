"""The folder of a study: its plan, what ran and at which table versions, and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..query import Features
from ..store.errors import DataError, NotFoundError
from ..store.layout import write_atomically
from .plan import StudyPlan, read_plan


@dataclass(frozen=True)
class Skipped:
    """What a study could not do: features or an encoder, and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class StudyRecord:
    """What ran, as `study.json` has it.

    Attributes:
        store: its URI; relative to the study's folder where it is in it, so that the folder can be moved.
        tag: names the table versions that the report reads.
        versions: of each table.
        plan: the plan that ran, as TOML.
        features: encoders and mappers that were evaluated, in the order of the tables.
        cases: test cases, by name.
        checks: names of the checks that were prepared.
        skipped: what could not be done.
        code: the version of attribase, and of the code that decides ranks.
        started, finished: in ISO format, UTC; the latter is empty until it ran to the end.
    """

    store: str
    plan: str
    tag: str = ""
    versions: Mapping[str, int] = field(default_factory=dict)
    features: tuple[Features, ...] = ()
    cases: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    code: tuple[str, str] = ("", "")
    started: str = ""
    finished: str = ""

    def to_json(self) -> str:
        """The text of `study.json`."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> StudyRecord:
        """The record in the text of `study.json`. Raises KeyError, TypeError or ValueError for another."""
        found: dict[str, Any] = json.loads(text)
        return cls(
            **{
                **found,
                "features": tuple(Features(**one) for one in found["features"]),
                "skipped": tuple(Skipped(**one) for one in found["skipped"]),
                "cases": tuple(found["cases"]),
                "checks": tuple(found["checks"]),
                "code": tuple(found["code"]),
            }
        )


@dataclass(frozen=True)
class StudyFolder:
    """The files of one study in the folder `path`."""

    path: Path
    plan_file: Path = field(init=False)
    record_file: Path = field(init=False)
    store: Path = field(init=False)
    report: Path = field(init=False)

    def __post_init__(self) -> None:
        for name, file in (
            ("plan_file", "study.toml"),
            ("record_file", "study.json"),
            ("store", "store"),
            ("report", "report"),
        ):
            object.__setattr__(self, name, self.path / file)

    def read_plan(self) -> StudyPlan:
        """The plan that ran last; the default one where none did. Raises InvalidInputError as `read_plan`."""
        return read_plan(self.plan_file) if self.plan_file.exists() else StudyPlan()

    def write_plan(self, plan: StudyPlan) -> None:
        """Write `study.toml`, whole."""
        write_atomically(self.plan_file, plan.to_toml().encode())

    def find_record(self) -> StudyRecord | None:
        """What ran, or was started; None where nothing was. Raises DataError for a file that is no record."""
        if not self.record_file.exists():
            return None
        try:
            return StudyRecord.from_json(self.record_file.read_text(encoding="utf-8"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{self.record_file} is no record of a study",
                hint=f"move it away and run it again: attribase study run {self.path}",
            ) from error

    def read_record(self) -> StudyRecord:
        """What ran to the end. Raises NotFoundError where nothing did, DataError as `find_record`."""
        record = self.find_record()
        if record is None or not record.finished:
            raise NotFoundError(
                f"no study ran to the end in {self.path}", hint=f"attribase study run {self.path}"
            )
        return record

    def name_store(self, uri: str) -> str:
        """The URI of a store as the record has it."""
        own = str(self.path.absolute())
        return str(Path(uri).relative_to(own)) if uri.startswith(f"{own}/") else uri

    def store_uri(self, record: StudyRecord) -> str:
        """The URI of the store that a record names."""
        remote = "://" in record.store
        return record.store if remote else str(self.path.absolute() / record.store)

    def write_record(self, record: StudyRecord) -> None:
        """Write `study.json`, whole."""
        write_atomically(self.record_file, record.to_json().encode())
