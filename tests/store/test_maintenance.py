import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from attribase.store.checks import check
from attribase.store.errors import NotFoundError
from attribase.store.maintenance import compact, info

from .sample_rows import IMAGE


def test_info_agrees_with_the_disk(sound):
    found = {table.table: table for table in info(sound)}
    assert sorted(found) == sound.tables()
    images = found["images"]
    assert (images.rows, images.version, images.versions, images.fragments) == (2, 2, 2, 1)
    files = [path for path in Path(sound.uri, "images.lance").rglob("*") if path.is_file()]
    assert images.bytes == sum(path.stat().st_size for path in files)
    assert found["vectors_e"].rows == 2


def snapshot(store):
    tables = {name: store.read(name, store.schema(name).names).to_pylist() for name in store.tables()}
    return {name: sorted(rows, key=str) for name, rows in tables.items()}


def test_compaction_keeps_rows_and_frees_space(sound):
    for n in range(12):
        sound.upsert("images", [{"image_id": "hot", "bytes": bytes([n]) * 10_000}], update=True)
        sound.upsert("members", [{"collection": str(n), "image_id": IMAGE}])
    before, rows = {table.table: table for table in info(sound)}, snapshot(sound)
    steps = list(compact(sound, keep=timedelta(0)))
    after = {table.table: table for table in info(sound)}
    assert steps[-1].done == steps[-1].total == len(sound.tables())
    assert snapshot(sound) == rows
    assert (after["members"].fragments, after["members"].versions) == (1, 1)
    assert after["images"].bytes < before["images"].bytes / 3
    assert snapshot(sound) == rows
    versions = sound.versions()
    list(compact(sound, keep=timedelta(0)))
    assert sound.versions() == versions


def test_compaction_keeps_versions_that_results_name(sound):
    pinned, lost = 2, 1
    sound.upsert(
        "runs",
        [
            {
                "run_id": "p",
                "encoder": "e",
                "mapper": "m",
                "table_versions": json.dumps({"images": pinned, "members": 99}),
            }
        ],
    )
    rows = sound.dataset("images", pinned).to_table(columns=["image_id"])
    sound.upsert("images", [{"image_id": "later"}])
    list(compact(sound, keep=timedelta(0)))
    list(compact(sound, keep=timedelta(0)))
    assert sound.dataset("images", pinned).to_table(columns=["image_id"]) == rows
    with pytest.raises(NotFoundError):
        sound.dataset("images", lost)


def test_compaction_keeps_young_versions(sound):
    list(compact(sound))
    assert sound.dataset("images", 1).count_rows() == 0


def test_compaction_removes_what_killed_processes_left_once_it_is_old(sound):
    left = [Path(sound.uri, ".images.0.part"), Path(sound.uri, "files", "onnx", ".e.onnx.0.part")]
    left[0].mkdir()
    (left[0] / "data").touch()
    left[1].touch()
    list(compact(sound))
    assert [path.exists() for path in left] == [True, True]
    for path in left:
        os.utime(path, (0, 0))
    list(compact(sound))
    assert [path.exists() for path in left] == [False, False]
    assert check(sound) == []
