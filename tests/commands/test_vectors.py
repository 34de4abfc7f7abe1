"""`attribase ingest vectors`: a file of features, then a mapper of them without views."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.cli import cli
from attribase.store import Store
from click.testing import CliRunner


@pytest.fixture
def uri(tmp_path) -> str:
    """Three models with an exemplar and a sample each."""
    store = Store.create(tmp_path / "a.store")
    numbers = range(3)
    store.upsert("images", [{"image_id": f"i{n}", "uri": f"file:///photos/{n}.png"} for n in numbers])
    common = {"method": "custom-diffusion", "concept_kind": "object", "split": "train"}
    store.upsert("models", [common | {"model_id": f"m{n}", "exemplar_ids": [f"i{n}"]} for n in numbers])
    store.upsert("samples", [{"sample_id": f"s{n}", "model_id": f"m{n}", "scheme": "gpt"} for n in numbers])
    return store.uri


def run(uri, *words):
    return CliRunner().invoke(cli, ["-s", uri, *map(str, words)])


def test_a_file_is_ingested_and_trained_on_without_views(uri, tmp_path):
    names = ["0.png", "1.png", "2.png", "s0", "s1", "s2", "other.png"]
    rows = np.random.default_rng(0).normal(size=(len(names), 4))
    pq.write_table(pa.table({"file": names, "vector": rows.tolist()}), tmp_path / "f.parquet")
    done = run(uri, "ingest", "vectors", tmp_path / "f.parquet", "--encoder", "mine")
    assert done.exit_code == 0, done.output
    assert "mine: vectors of 4 numbers: 6 added, 0 replaced, 0 equal" in done.stderr
    assert "1 ids are of nothing stored: 'other.png'" in done.stderr
    trained = run(uri, "train", "mapper", "--encoder", "mine", "--epochs", "2")
    assert trained.exit_code == 0, trained.output
    assert "training on the plain features (--views 0)" in trained.stderr
    strong = run(uri, "train", "mapper", "--encoder", "mine", "--augment", "strong")
    assert strong.exit_code == 1
    assert "strong augmentation needs views" in strong.stderr
    views = run(uri, "train", "mapper", "--encoder", "mine", "--views", "2")
    assert views.exit_code == 1
    assert "not the encoder itself" in views.stderr


def test_a_file_that_is_none_is_one_line_and_a_next_step(uri, tmp_path):
    (tmp_path / "f.parquet").write_text("no")
    done = run(uri, "ingest", "vectors", tmp_path / "f.parquet", "--encoder", "mine")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 2
    assert "next:" in done.stderr
