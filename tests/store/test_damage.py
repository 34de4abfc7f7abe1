"""Files that are lost, cut or flipped: each is named with its table, and nothing ends in a traceback."""

import shutil
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest
from attribase.store import Store, indexes
from attribase.store.checks import check
from attribase.store.damage import explain, find_damage
from attribase.store.errors import AttribaseError, ConflictError, DataError, InvalidInputError
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal

from .gallery import DIM, IDS, PICTURES, VECTORS, fill, vector_row

PLACES = ("data", "_versions", "_deletions", "_indices")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    store = fill(Store.create(tmp_path_factory.mktemp("damage") / "store"))
    store.dataset("images").delete(f"image_id = '{IDS[0]}'")
    store.dataset("members").delete(f"image_id = '{IDS[0]}'")
    more = np.random.default_rng(0).standard_normal((600, DIM)).astype(np.float32)
    store.upsert("vectors_e", [vector_row(f"more{n}", vector) for n, vector in enumerate(more)])
    centroids = VECTORS[:4] / np.linalg.norm(VECTORS[:4], axis=1, keepdims=True)
    indexes.build(store, "vectors_e", "base", "IVF_SQ", centroids)
    return store


@pytest.fixture
def broken(made_once, tmp_path):
    """A copy of the store, to be broken."""
    shutil.copytree(made_once.uri, tmp_path / "copy")
    return Store.open(tmp_path / "copy")


def newest_file(store, table, place):
    """A file of the newest version of a table."""
    folder = Path(store.layout.table(table))
    dataset = store.dataset(table)
    if place == "data":
        return folder / "data" / dataset.get_fragments()[-1].metadata.files[0].path
    if place == "_versions":
        return min((folder / "_versions").glob("*.manifest"))
    found = [path for path in (folder / place).rglob("*") if path.is_file()]
    return max(found, key=lambda path: path.stat().st_size) if found else None


def lose(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def cut(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 50])


def flip_end(path):
    """Bits of what Lance reads first."""
    data = bytearray(path.read_bytes())
    for at in range(len(data) - 40, len(data)):
        data[at] ^= 0x55
    path.write_bytes(bytes(data))


def test_a_sound_store_has_no_damage(made_once):
    assert find_damage(made_once, read=True) == []


@pytest.mark.parametrize("harm", [lose, empty, cut, flip_end])
@pytest.mark.parametrize(
    ("table", "place"),
    [
        *(
            (table, place)
            for table in ("images", "members", "models", "runs")
            for place in ("data", "_versions")
        ),
        *(("vectors_e", place) for place in ("data", "_versions", "_indices")),
        *((table, "_deletions") for table in ("images", "members")),
        *((table, "data") for table in ("samples", "ranks", "views_e")),
    ],
)
def test_check_names_the_table_the_file_and_what_to_do(broken, table, place, harm):
    path = newest_file(broken, table, place)
    harm(path)
    found = [problem for problem in check(broken) if problem.check == "damaged-file"]
    assert {problem.table for problem in found} == {table}
    file = found[0].examples[0]
    assert path.name in file or (harm is lose and place == "_versions") or path.parent.name in file
    assert found[0].hint
    assert found[0].message.startswith(file)


@pytest.mark.parametrize("table", ["images", "jobs", "tombstones"])
def test_a_lost_table_is_damage(broken, table):
    shutil.rmtree(broken.layout.table(table))
    assert [(damage.table, damage.what) for damage in find_damage(broken)] == [(table, "is missing")]
    assert "damaged-file" in {problem.check for problem in check(broken)}


def test_vectors_that_are_all_lost_are_missing_vectors(broken):
    shutil.rmtree(broken.layout.table("vectors_e"))
    assert "missing-vector" in {problem.check for problem in check(broken)}


def test_tables_that_lost_all_manifests_are_named(broken):
    for path in Path(broken.layout.table("vectors_e"), "_versions").iterdir():
        path.unlink()
    assert [(damage.table, damage.what) for damage in find_damage(broken)] == [
        ("vectors_e", "has no version of the table")
    ]


def test_a_lost_newest_manifest_is_no_older_version(broken):
    newest_file(broken, "images", "_versions").unlink()
    (damage,) = find_damage(broken)
    assert damage.table == "images"
    assert "is missing" in damage.what


def test_several_damaged_tables_are_all_named(broken):
    newest_file(broken, "images", "data").unlink()
    cut(newest_file(broken, "ranks", "data"))
    flip_end(newest_file(broken, "models", "_versions"))
    assert [damage.table for damage in find_damage(broken)] == ["images", "models", "ranks"]


def test_flipped_bytes_of_a_picture_are_found_by_its_id(broken):
    path = next(
        path
        for path in Path(broken.layout.table("images"), "data").iterdir()
        if PICTURES[5] in path.read_bytes()
    )
    data = path.read_bytes()
    path.write_bytes(data.replace(PICTURES[5][500:510], bytes(10)))
    (problem,) = [one for one in check(broken) if one.table == "images"]
    assert (problem.check, problem.examples) == ("wrong-hash", (IDS[5],))


def test_a_vector_that_is_not_finite_or_not_of_length_one_is_found(broken):
    bad = np.zeros(DIM, np.float32)
    bad[0] = np.nan
    rows = pa.Table.from_pylist([vector_row("nan", bad)], broken.schema("vectors_e"))
    lance.write_dataset(rows, broken.layout.table("vectors_e"), mode="append")
    (problem,) = [one for one in check(broken) if one.check == "wrong-vector"]
    assert (problem.table, problem.examples) == ("vectors_e", ("nan",))
    broken.set_vector_column("vectors_e", "mapped_m", lambda batch: np.ones((batch.num_rows, DIM)))
    (problem,) = [one for one in check(broken) if one.check == "wrong-vector"]
    assert problem.count == broken.count("vectors_e")


def test_unfinished_removals_and_erasures_are_problems(broken):
    working = remove(broken, plan_removal(broken, ids=[IDS[3]]), erase=True)
    next(working)
    working.close()
    found = {problem.check: problem.examples for problem in check(broken)}
    assert found["unfinished-removal"] == (IDS[3],)
    assert found["unfinished-erasure"] == (IDS[3],)
    list(remove(broken, plan_removal(broken, ids=[IDS[3]])))
    assert "unfinished-removal" not in {problem.check for problem in check(broken)}


@pytest.mark.parametrize("harm", [lose, empty, cut])
@pytest.mark.parametrize(("table", "place"), [("images", "data"), ("vectors_e", "_versions")])
def test_an_error_of_lance_is_explained_by_the_damaged_file(broken, table, place, harm):
    path = newest_file(broken, table, place)
    if place == "_versions" and harm is lose:
        for one in path.parent.glob("*.manifest"):
            one.unlink()
    else:
        harm(path)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever Lance raises
        broken.read(table)
    known = explain(caught.value, broken.uri)
    if known is None:
        assert isinstance(caught.value, AttribaseError)
    else:
        assert isinstance(known, DataError)
        assert f"{table} is damaged: {table}.lance/{place}" in str(known)
        assert "attribase check" in known.hint


class PanicException(BaseException):
    """What pyo3 raises for a panic: no Exception."""


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (PanicException("range end index 9 out of range"), DataError, "range end index"),
        (OSError(28, "No space left on device"), AttribaseError, "no space"),
        (
            OSError("LanceError(IO): No space left on device (os error 28), /x/y.rs:1"),
            AttribaseError,
            "no space",
        ),
        (PermissionError(13, "Permission denied", "/s/x"), ConflictError, "/s/x"),
        (OSError("LanceError(IO): Read-only file system (os error 30)"), ConflictError, "Read-only"),
        (InvalidInputError("Invalid Error: LanceError(IO): file size is too small"), DataError, "too small"),
    ],
)
def test_errors_of_storage_are_one_line_with_a_next_step(made_once, error, kind, said):
    known = explain(error, made_once.uri)
    assert type(known) is kind
    assert said in str(known)
    assert "\n" not in str(known)
    assert known.hint


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("y"),
        InvalidInputError("a mistake"),
        OSError(2, "No such file"),
        RuntimeError(),
    ],
)
def test_other_errors_are_not_taken_for_damage(made_once, error):
    assert explain(error, made_once.uri) is None


def test_a_remote_store_that_cannot_be_reached_is_said_so():
    error = OSError("LanceError(IO): Generic S3 error: Failed to resolve region, /home/build/aws.rs:319:13")
    known = explain(error, "s3://bucket/x")
    assert "s3://bucket/x cannot be reached" in str(known)
    assert "/home/build" not in str(known)
    assert "credentials" in known.hint
