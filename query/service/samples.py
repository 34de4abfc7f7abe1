"""The stored samples that some conditions hold for, a page of them with what their models were made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...store.lookup import is_in, quote
from ..session import Snapshot
from .listing import Place, key_batches, key_page, rows_of
from .service import open_dataset

SAMPLE_COLUMNS = ["sample_id", "uri", "prompt", "scheme", "model_id"]
MODEL_COLUMNS = ["concept", "case_name", "split", "exemplar_ids"]


@dataclass(frozen=True)
class SampleFilter:
    """Which samples are listed; a value that is empty or None holds for all.

    Attributes:
        model: values of columns of the sample's model.
        scheme: how the prompt was made.
        text: what the prompt or the uri contains, in any case.
        exemplar: an image that the sample's model was trained on.
    """

    model: dict[str, str | None]
    scheme: str | None
    text: str | None
    exemplar: str | None = None

    def condition(self, models: dict[str, dict[str, Any]]) -> str | None:
        """The filter over `samples`, given all models by id; None where all are listed."""
        conditions = []
        of_model = {name: value for name, value in self.model.items() if value}
        if of_model or self.exemplar:
            ids = [
                model
                for model, row in models.items()
                if all(row[name] == value for name, value in of_model.items())
                and (not self.exemplar or self.exemplar in row["exemplar_ids"])
            ]
            conditions.append(is_in("model_id", ids) if ids else "false")
        if self.scheme:
            conditions.append(f"scheme = {quote(self.scheme)}")
        if self.text:
            text = quote(self.text.lower())
            conditions.append(f"(contains(lower(prompt), {text}) or contains(lower(uri), {text}))")
        return " and ".join(conditions) or None


def stored_samples(snapshot: Snapshot, wanted: SampleFilter, offset: int, limit: int) -> dict[str, Any]:
    """A page in the order of the table: what `sample_page` returns, from `offset` on."""
    where = wanted.condition(_models(snapshot))
    dataset = open_dataset(snapshot, "samples")
    total = dataset.count_rows(where)
    scanner = dataset.scanner(
        columns=SAMPLE_COLUMNS, filter=where, limit=limit, offset=offset, scan_in_order=True
    )
    rows = scanner.to_table().to_pylist() if total else []
    return {"total": total, "before": min(offset, total), "samples": _with_models(snapshot, rows)}


def sample_page(snapshot: Snapshot, wanted: SampleFilter, place: Place) -> dict[str, Any]:
    """A page in the order of ids: `total`, how many are `before` it, and its `samples` with MODEL_COLUMNS."""
    where = wanted.condition(_models(snapshot))
    page = key_page(key_batches(snapshot, "samples", SAMPLE_COLUMNS[0], where), place)
    rows = rows_of(snapshot, "samples", page, SAMPLE_COLUMNS)
    return {"total": page.total, "before": page.skipped, "samples": _with_models(snapshot, rows)}


def _with_models(snapshot: Snapshot, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of samples, each with MODEL_COLUMNS of its model, which are None where it has none."""
    models, unknown = _models(snapshot), dict.fromkeys(MODEL_COLUMNS)
    return [
        {**row, **{name: models.get(row["model_id"], unknown)[name] for name in MODEL_COLUMNS}}
        for row in rows
    ]


def _models(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """MODEL_COLUMNS of all models, by id."""

    def read() -> dict[str, dict[str, Any]]:
        rows = snapshot.pinned.read("models", ["model_id", *MODEL_COLUMNS]).to_pylist()
        return {row["model_id"]: row for row in rows}

    found: dict[str, dict[str, Any]] = snapshot.cached(("models",), read, "models")
    return found
