"""A study killed as a process in the middle of steps: the same command goes on to the same rows."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from attribase.cli import cli
from attribase.store import Store
from attribase.study.folder import StudyFolder
from attribase.study.plan import StudyPlan
from attribase.study.run import run_study
from attribase.study.world import needs_world, write_world
from click.testing import CliRunner

PLAN = StudyPlan(variants=("none", "object+style"), checks=())

KILL = """
import os, signal
from attribase.store import Store

upsert, calls = Store.upsert, []

def killed(self, table, rows, **options):
    if table == {table!r}:
        calls.append(table)
    if len(calls) == {number}:
        if {committed}:
            upsert(self, table, rows, **options)
        os.killpg(0, signal.SIGKILL)
    return upsert(self, table, rows, **options)

Store.upsert = killed
from attribase.cli import main
main()
"""
"""Kills the group of the process at the given write to a table: before it is committed, or right after."""

KEYS = {
    "mappers": ("mapper_id", "config", "history", "best_epoch"),
    "calibrations": ("calibration_id", "config", "tau", "lambda", "kl_after"),
    "runs": ("run_id", "encoder", "mapper", "case_name", "split", "scheme"),
    "ranks": ("sample_id", "image_id", "run_number", "rank"),
}


def run_killed(output, arguments, table, number, *, committed=False):
    """Run the command until it is killed. Output goes to a file: children could keep a pipe open."""
    code = KILL.format(table=table, number=number, committed=committed)
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=600)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    assert code == -signal.SIGKILL, output.read_text()


def rows(store):
    """What a study writes, apart from times and numbers that count commits."""
    runs = {row["run_number"]: tuple(row[name] for name in KEYS["runs"][1:]) for row in read(store, "runs")}
    found = {name: sorted(map(repr, read(store, name))) for name in ("mappers", "calibrations")}
    found["runs"] = sorted(map(repr, runs.values()))
    ranks = [
        (runs[row["run_number"]], row["sample_id"], row["image_id"], row["rank"])
        for row in read(store, "ranks")
    ]
    return found | {"ranks": sorted(ranks)}


def read(store, table):
    columns = [*KEYS[table], *(["run_number"] if table == "runs" else [])]
    return store.read(table, columns).to_pylist()


@pytest.fixture
def fresh(studied_once, tmp_path):
    """A copy of the store without anything that a study made."""
    shutil.copytree(studied_once.folder.store, tmp_path / "fresh")
    store = Store.open(tmp_path / "fresh")
    for table in ("mappers", "calibrations", "runs", "ranks", "gallery_moments"):
        store.dataset(table).delete("true")
    for table in ("vectors_quiet", "vectors_loud"):
        names = [name for name in store.schema(table).names if name.startswith("mapped_")]
        store.dataset(table).drop_columns(names)
    return store


def test_a_study_that_was_killed_in_the_middle_of_steps_ends_with_the_same_rows(fresh, tmp_path):
    shutil.copytree(fresh.uri, tmp_path / "undisturbed")
    whole = Store.open(tmp_path / "undisturbed")
    list(run_study(StudyFolder(tmp_path / "one"), whole, PLAN))
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.to_toml())
    command = ["-s", fresh.uri, "study", "run", tmp_path / "two", "--plan", plan]
    run_killed(tmp_path / "first.log", command, "mappers", 2)  # its vectors are there, its row is not
    assert len(read(fresh, "mappers")) == 1
    run_killed(tmp_path / "second.log", command, "ranks", 2, committed=True)  # ranks of a run without a row
    assert len(read(fresh, "mappers")) == 2
    assert 0 < len(read(fresh, "ranks")) < len(read(whole, "ranks"))
    ended = CliRunner().invoke(cli, list(map(str, command)))
    assert ended.exit_code == 0, ended.output
    assert rows(fresh) == rows(whole)
    assert (
        StudyFolder(tmp_path / "two").read_record().features
        == StudyFolder(tmp_path / "one").read_record().features
    )


def test_a_study_that_was_killed_while_its_world_was_made_goes_on_with_the_world(tmp_path):
    folder = StudyFolder(tmp_path / "study")
    command = ["study", "run", folder.path, "--models", 12, "--workers", 1]
    run_killed(tmp_path / "log", command, "images", 1, committed=True)
    there = Store.open(folder.store).read("images", ["image_id"])["image_id"].to_pylist()
    assert there
    assert folder.find_record() is None
    assert needs_world(folder, None)
    steps = write_world(folder, models=12, workers=1)
    for step in steps:
        if step.done == step.total:  # of the gallery's images
            break
    steps.close()
    images = Store.open(folder.store).read("images", ["image_id"])["image_id"].to_pylist()
    assert set(there) < set(images)
    assert len(images) == len(set(images))
