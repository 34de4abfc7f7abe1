"""What a second source says of stored images: it fills what is empty, and never replaces unasked."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import ingest_images, open_source
from attribase.store import Job, content_id
from attribase.store.row_updates import RowUpdate
from PIL import Image
from PIL.PngImagePlugin import PngInfo

COLUMNS = ["caption", "category", "creator", "license"]


def run(store, source, **options):
    """The summary of a run."""
    steps = ingest_images(store, open_source(str(source)), "gallery", **options)
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            return stopped.value


@pytest.fixture
def table(tmp_path, make_picture):
    """Writes a Parquet file with the pictures of these numbers and columns."""

    def write(name, numbers, **columns):
        path = tmp_path / name
        pq.write_table(pa.table({"image": [make_picture(n) for n in numbers], **columns}), path)
        return path

    return write


def stored(store, picture):
    (row,) = store.read("images", [*COLUMNS, "metadata"], f"image_id = '{content_id(picture)}'").to_pylist()
    return {name: value for name, value in row.items() if value is not None}


def test_values_that_come_later_are_filled_in_and_counted(store, table, make_picture):
    run(store, table("a.parquet", [1, 2]))
    summary = run(
        store,
        table(
            "b.parquet",
            [1, 2, 3],
            artist=["Ann", None, "Cleo"],
            license=["CC0", "CC0", None],
            year=[1999, 2000, 2001],
        ),
    )
    assert stored(store, make_picture(1)) == {
        "creator": "Ann",
        "license": "CC0",
        "metadata": '{"year": 1999}',
    }
    assert stored(store, make_picture(2)) == {"license": "CC0", "metadata": '{"year": 2000}'}
    assert (summary.written.new, summary.written.known) == (1, 2)
    assert summary.merged.filled == 2
    assert summary.merged.filled_columns == {"creator": 1, "license": 2, "metadata.year": 2}
    assert dict(store.blobs("images", "bytes", [content_id(make_picture(1))])).popitem()[1] == make_picture(1)


def test_values_that_differ_stay_and_are_said_with_an_example(store, table, make_picture):
    run(store, table("a.parquet", [1], creator=["Ann"], year=[1999], url=["u/1"]))
    summary = run(store, table("b.parquet", [1], creator=["Bob"], year=[2000], caption=["a cat"]))
    assert stored(store, make_picture(1)) == {
        "creator": "Ann",
        "caption": "a cat",
        "metadata": '{"year": 1999}',
    }
    assert summary.merged.differing == 1
    assert summary.merged.differing_columns == {"creator": 1, "metadata.year": 1}
    (line,) = [line for line in summary.lines() if "--update" in line]
    assert "creator of u/1 is 'Ann', not 'Bob'" in line


def test_update_replaces_them_each_time_that_it_is_asked_for(store, table, make_picture):
    first = table("a.parquet", [1], creator=["Ann"])
    second = table("b.parquet", [1], creator=["Bob"])
    run(store, first)
    for source, name in ((second, "Bob"), (first, "Ann"), (second, "Bob")):
        assert run(store, source, update=True).merged.replaced_columns == {"creator": 1}
        assert stored(store, make_picture(1)) == {"creator": name}


def test_of_a_picture_that_comes_twice_the_first_value_counts_and_the_other_is_said(
    store, table, make_picture
):
    source = table("a.parquet", [1, 1, 1], creator=["Ann", "Bob", None], license=[None, None, "CC0"])
    summary = run(store, source)
    assert stored(store, make_picture(1)) == {"creator": "Ann", "license": "CC0"}
    assert (summary.written.new, summary.written.known, summary.distinct) == (1, 2, 1)
    assert summary.merged.differing_columns == {"creator": 1}


def test_nothing_is_written_where_nothing_changes(store, table):
    run(store, table("a.parquet", [1, 2], creator=["Ann", "Bob"]))
    before = store.versions()
    summary = run(store, table("b.parquet", [1, 2], creator=["Ann", None], other=["", None]))
    assert {
        name: version for name, version in store.versions().items() if version != before[name]
    }.keys() == {"jobs"}
    assert (summary.merged.filled, summary.merged.differing) == (0, 0)


@pytest.mark.parametrize("at", [0, 1])
def test_a_kill_at_any_commit_loses_and_doubles_nothing(store, table, make_picture, monkeypatch, at):
    numbers = list(range(6))
    run(store, table("a.parquet", numbers[:4]))
    source = table("b.parquet", numbers, creator=[f"c{n}" for n in numbers])
    commits = []

    def killed(original):
        def wrapper(self, *given, **options):
            if len(commits) == at:
                raise KeyboardInterrupt
            commits.append(1)
            return original(self, *given, **options)

        return wrapper

    with monkeypatch.context() as patch:
        patch.setattr(RowUpdate, "run", killed(RowUpdate.run))
        patch.setattr(Job, "finish_all", killed(Job.finish_all))
        with pytest.raises(KeyboardInterrupt):
            run(store, source, shard_size=2)
    run(store, source, shard_size=2)
    assert [stored(store, make_picture(n)) for n in numbers] == [{"creator": f"c{n}"} for n in numbers]
    assert store.count("images") == store.count("members") == 6
    assert not [job for job in store.jobs.unfinished() if job.kind == "images"]


def test_another_writers_value_is_never_lost(store, table, make_picture, monkeypatch):
    """The row changes between the reading of it and the commit: all is computed again."""
    run(store, table("a.parquet", [1]))
    name = content_id(make_picture(1))
    original, late = RowUpdate._commit, []

    def commit(self):
        compute = self.compute

        def compute_late(stored):
            if not late:
                late.append(1)
                rows = stored.set_column(
                    stored.schema.get_field_index("license"), "license", pa.array(["CC0"] * stored.num_rows)
                )
                original(RowUpdate(store, "images", [name], ["license"], lambda _: rows))
            return compute(stored)

        return original(RowUpdate(self.tables, self.table, self.ids, self.columns, compute_late, self.also))

    monkeypatch.setattr(RowUpdate, "_commit", commit)
    run(store, table("b.parquet", [1], creator=["Ann"], license=["MIT"]))
    assert stored(store, make_picture(1)) == {"creator": "Ann", "license": "CC0"}


def test_metadata_that_is_no_json_object_is_left_alone(store, table, make_picture):
    picture = make_picture(1)
    store.upsert("images", [{"image_id": content_id(picture), "bytes": picture, "metadata": "[1]"}])
    run(store, table("a.parquet", [1], year=[1999]))
    assert json.loads(stored(store, picture)["metadata"]) == [1]


def test_what_a_file_says_of_itself_fills_and_never_contradicts(store, tmp_path):
    info = PngInfo()
    info.add_text("Author", "Studio")
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=info)
    picture = buffer.getvalue()
    columns = {"image": [picture, picture], "creator": ["Ann", None]}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    pq.write_table(pa.table({"image": [picture], "other": [1]}), tmp_path / "q.parquet")
    for name, update in (("p", False), ("q", False), ("q", True)):
        summary = run(store, tmp_path / f"{name}.parquet", update=update)
        assert stored(store, picture)["creator"] == "Ann"
        assert (summary.merged.differing, summary.merged.replaced) == (0, 0)
