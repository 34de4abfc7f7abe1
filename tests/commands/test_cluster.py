"""`attribase cluster` and `query leakage`: what they print, and the exit code of a leak between splits."""

import json

import numpy as np
from attribase.cli import cli
from click.testing import CliRunner


def invoke(fake, *arguments):
    return CliRunner().invoke(cli, ["-s", fake.store.uri, *arguments])


def filled(fake):
    """Twelve images: `b` is a copy of `a`; one image without a vector."""
    vectors = np.random.default_rng(1).normal(size=(12, 16))
    vectors[1] = 2 * vectors[0] + 0.01
    fake.images([*"abcdefghijkl"], "gallery", vectors)
    fake.store.upsert("images", [{"image_id": "far", "uri": "file:far"}])
    return fake


def test_copies_leak_from_one_split_into_another(fake):
    filled(fake)
    unknown = invoke(fake, "query", "leakage")
    assert unknown.exit_code == 1
    assert "attribase -s STORE cluster" in unknown.stderr
    ran = invoke(fake, "cluster", "--format", "json")
    assert ran.exit_code == 0, ran.stderr
    (row,) = json.loads(ran.stdout)
    assert (row["clusters"], row["linked"], row["largest"], row["threshold"]) == (1, 2, 2, 0.95)
    assert "1 images were not compared: they have no vector" in ran.stderr
    assert "2 of 12 images have copies, in 1 clusters" in ran.stderr
    fake.store.upsert(
        "models",
        [
            {"model_id": name, "method": "x", "exemplar_ids": [image], "split": split}
            for name, image, split in (("m", "a", "train"), ("n", "c", "test"))
        ],
    )
    assert invoke(fake, "query", "leakage", "--fail").exit_code == 0  # with the gallery only, as it should be
    fake.store.upsert("models", [{"model_id": "o", "method": "x", "exemplar_ids": ["b"], "split": "test"}])
    leaked = invoke(fake, "query", "leakage", "--fail", "--format", "json")
    assert leaked.exit_code == 1
    rows = {(row["first"], row["second"]): row for row in json.loads(leaked.stdout)}
    found = rows["split test", "split train"]
    assert (found["works"], found["same"], found["copied"]) == (1, 0, 1)
    assert (found["example"], found["example_copy"]) == ("b", "a")


def test_a_cluster_that_is_no_one_work_is_pointed_out(fake):
    vectors = np.ones((30, 16)) + 0.001 * np.random.default_rng(0).normal(size=(30, 16))
    fake.images([f"i{number:02d}" for number in range(30)], "gallery", vectors)
    ran = invoke(fake, "cluster")
    assert ran.exit_code == 0, ran.stderr
    assert "the largest cluster has 30 images" in ran.stderr
    again = invoke(fake, "cluster")
    assert "clusters are up to date" in again.stderr
