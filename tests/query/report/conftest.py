"""Connections that have what a store's have, filled by hand: the report reads names and columns only."""

import csv
import importlib.util
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import attribase.query
import duckdb
import pytest
from attribase.query.report.content import Content, compose
from attribase.query.report.data import read_report_data

PUBLISHED = Path(attribase.query.__file__).parent / "data" / "published.csv"

TABLES = """
create table metrics(encoder varchar, mapper varchar, case_name varchar, scheme varchar, split varchar,
    samples bigint, recall_5 double, recall_10 double, recall_100 double, map double);
create table intervals(encoder varchar, mapper varchar, case_name varchar, scheme varchar, split varchar,
    metric varchar, estimate double, low double, high double, samples bigint, models bigint);
create table differences(encoder varchar, case_name varchar, scheme varchar, split varchar, first varchar,
    second varchar, metric varchar, first_mean double, second_mean double, difference double, low double,
    high double, samples bigint, models bigint);
create table published(source varchar, encoder varchar, mapper varchar, case_name varchar, scheme varchar,
    recall_5 double, recall_10 double, recall_100 double, map double);
create table models(model_id varchar, method varchar, case_name varchar, split varchar, concept_kind varchar);
create table samples(sample_id varchar, model_id varchar, scheme varchar);
create table images(image_id varchar, creator varchar);
create table members(collection varchar, image_id varchar);
create table encoders(encoder varchar, dim integer, source varchar, license varchar);
create table mappers(encoder varchar, mapper varchar, kind varchar, created timestamp);
create table calibrations(encoder varchar, mapper varchar, tau double, "lambda" double);
create table runs(run_id varchar, encoder varchar, mapper varchar, case_name varchar, split varchar,
    gallery varchar, table_versions varchar, code_version varchar, started timestamp, seconds double,
    scheme varchar, run_number bigint, samples bigint);
create view latest_runs as select * from runs;
"""

METRICS = ("recall_5", "recall_10", "recall_100", "map")


class FakeStore:
    """The tables of a store and what was measured in it."""

    def __init__(self) -> None:
        self.con = duckdb.connect()
        self.con.execute(TABLES)

    def rows(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            names = ", ".join(row)
            marks = ", ".join("?" for _ in row)
            self.con.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))

    def publish(self) -> list[dict[str, Any]]:
        """What is published, as `published` has it."""
        with PUBLISHED.open() as file:
            rows = list(csv.DictReader(file))
        rows = [row | {metric: float(row[metric]) for metric in METRICS} for row in rows]
        self.rows("published", rows)
        return rows

    def measure(
        self,
        encoder: str,
        mapper: str,
        case: str,
        scheme: str,
        values: tuple[float, float, float, float],
        *,
        split: str = "test",
        samples: int = 200,
        models: int = 20,
        spread: float | None = 0.02,
        started: datetime = datetime(2026, 3, 4, 5, 6, 7),
    ) -> None:
        """A run: its metrics, its intervals and its row; the encoder and the mapper if they are new."""
        key = {"encoder": encoder, "mapper": mapper, "case_name": case, "scheme": scheme, "split": split}
        self.rows("metrics", [key | {"samples": samples} | dict(zip(METRICS, values, strict=True))])
        for metric, value in zip(METRICS, values, strict=True):
            row = key | {"metric": "ap" if metric == "map" else metric, "estimate": value, "samples": samples}
            bounds = (
                {} if spread is None else {"low": max(0.0, value - spread), "high": min(1.0, value + spread)}
            )
            self.rows("intervals", [row | bounds | {"models": models}])
        run = "/".join(key.values())
        rest = {"run_id": run, "samples": samples, "started": started, "seconds": 1.5, "gallery": "gallery"}
        versions = {
            "code_version": "0.1.0+ranks.0123456789ab",
            "table_versions": '{"models": 3, "samples": 4}',
        }
        self.rows("runs", [key | rest | versions])
        if (encoder,) not in self.con.execute("select encoder from encoders").fetchall():
            self.rows("encoders", [{"encoder": encoder, "dim": 512, "source": "a test", "license": "MIT"}])
        known = self.con.execute("select encoder, mapper from mappers").fetchall()
        if mapper != "none" and (encoder, mapper) not in known:
            row = {"encoder": encoder, "mapper": mapper, "kind": "linear", "created": started}
            self.rows("mappers", [row])

    def gain(
        self, encoder: str, mapper: str, case: str, scheme: str, raw: float, mapped: float, spread: float
    ) -> None:
        for metric in ("recall_10", "ap"):
            row = {"encoder": encoder, "case_name": case, "scheme": scheme, "split": "test", "first": "none"}
            row |= {"second": mapper, "metric": metric, "first_mean": raw, "second_mean": mapped}
            row |= {"difference": mapped - raw, "low": mapped - raw - spread, "high": mapped - raw + spread}
            self.rows("differences", [row | {"samples": 200, "models": 20}])

    def case(
        self, name: str, kind: str | None, schemes: Iterable[str], splits: Iterable[str] = ("test",)
    ) -> None:
        """A case with two models a split and two samples a model and scheme."""
        for split in splits:
            for number in range(2):
                model = f"{name}-{split}-{number}"
                row = {"model_id": model, "method": "custom-diffusion", "case_name": name}
                self.rows("models", [row | {"split": split, "concept_kind": kind}])
                ids = [(f"{model}-{scheme}-{i}", scheme) for scheme in schemes for i in range(2)]
                self.rows("samples", [{"sample_id": i, "model_id": model, "scheme": s} for i, s in ids])


@pytest.fixture
def fake_store() -> FakeStore:
    """A store without a row."""
    return FakeStore()


@pytest.fixture
def as_published() -> FakeStore:
    """Raw and final features of two of the paper's encoders as published, under the release's names."""
    return _as_published()


def _as_published() -> FakeStore:
    store = FakeStore()
    for row in store.publish():
        if row["encoder"] in ("clip", "dino") and row["mapper"] in ("none", "object+style"):
            mapper = "tuned" if row["mapper"] != "none" else "none"
            values = tuple(row[metric] for metric in METRICS)
            store.measure(row["encoder"], mapper, row["case_name"], row["scheme"], values)
    return store


@pytest.fixture(scope="session")
def published_content() -> Content:
    """What a report says of `as_published`, plots and all, drawn once."""
    return compose(read_report_data(_as_published().con), "a.store", {"models": 3})


@pytest.fixture
def reading() -> ModuleType:
    """What reads a report back."""
    spec = importlib.util.spec_from_file_location("reading", Path(__file__).parent / "reading.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def contents() -> Callable[[FakeStore], Content]:
    """What a report on a fake store says."""
    return lambda store: compose(read_report_data(store.con), "a.store", {"models": 3})
