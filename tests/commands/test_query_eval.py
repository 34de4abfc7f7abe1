"""`query eval` and `query prune`: what they print, and the device that is used."""

import json
import sys

import pytest
from attribase.cli import cli
from attribase.query import connect, evaluate
from click.testing import CliRunner

NOT_A_MAC = pytest.mark.skipif(sys.platform == "darwin", reason="has one")


def run(*args):
    return CliRunner().invoke(cli, list(map(str, args)))


def test_it_prints_the_metrics_of_the_view(small):
    result = run("-s", small.store.uri, "query", "eval", "--device", "cpu", "--format", "json")
    assert result.exit_code == 0, result.stderr
    with connect(small.store.uri) as con:
        rows = con.sql("from metrics").to_arrow_table().to_pylist()
    assert sorted(map(key, json.loads(result.stdout))) == sorted(map(key, rows))
    again = run("-s", small.store.uri, "query", "eval", "--case", "other", "--format", "json")
    assert "up to date" in again.stderr
    assert {row["case_name"] for row in json.loads(again.stdout)} == {"other"}


def test_sets_have_recall_at_n_of_their_view(small):
    small.model("a set", list(small.vectors)[:3], case="set_3", kind="set", near=1.0)
    result = run("-s", small.store.uri, "query", "eval", "--sets", "--format", "json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)
    assert {(row["case_name"], row["size"], row["models"], row["low"]) for row in rows} == {
        ("set_3", 3, 1, None)
    }
    assert {row["scheme"] for row in rows} == {"gpt", "media"}
    assert "query eval --sets" in run("-s", small.store.uri, "query", "eval").stderr


def key(row):
    return (
        row["encoder"],
        row["mapper"],
        row["case_name"],
        row["scheme"],
        row["split"],
        round(row["map"], 12),
    )


@pytest.mark.parametrize(("device", "code"), [("tpu", 2), pytest.param("mps", 1, marks=NOT_A_MAC)])
def test_a_device_that_is_not_there_is_an_error(small, device, code):
    result = run("-s", small.store.uri, "query", "eval", "--device", device)
    assert result.exit_code == code
    assert device in result.stderr
    assert "Traceback" not in result.stderr


def test_prune_prints_what_it_keeps_and_deletes(small):
    url = small.store.uri
    list(evaluate(small.store))
    small.images(["new"], "gallery")
    list(evaluate(small.store))
    counts = {"kept_runs": 8, "deleted_runs": 8, "unfinished_ranks": 0}
    dry = run("-s", url, "query", "prune", "--dry-run", "--format", "json")
    assert "would delete 8 superseded runs" in dry.stderr
    assert small.store.count("runs") == 16
    done = run("-s", url, "query", "prune", "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert "kept the newest 8 runs" in done.stderr
    assert json.loads(done.stdout) == json.loads(dry.stdout)
    assert counts.items() <= json.loads(done.stdout)[0].items()
    assert small.store.count("runs") == 8


def test_samples_and_images_without_a_vector_are_told_each_time(small):
    small.store.upsert("samples", [{"sample_id": "m2-new", "model_id": "m2", "scheme": "gpt"}])
    small.store.upsert("members", [{"collection": "gallery", "image_id": "lost"}])
    for _ in range(2):  # the second time the ranks are up to date
        said = run("-s", small.store.uri, "query", "eval", "--case", "other", "--device", "cpu")
        assert "left out: enc, other test: 1 of 8 samples have no vector\n" in said.stderr
        assert "left out: enc: 1 of 201 gallery images have no vector" in said.stderr
        assert "attribase -s STORE ingest embed --encoder NAME" in said.stderr


def test_a_device_of_this_machine_beside_a_cluster_is_an_error(small):
    result = run("-s", small.store.uri, "query", "eval", "--device", "cpu", "--ray", "auto")
    assert result.exit_code == 1
    assert "a device of this machine and a cluster were named" in result.stderr
