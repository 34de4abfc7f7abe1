"""What an upsert reads, and how its commit meets those of other writers."""

from pathlib import Path

import lance
import pyarrow as pa
import pytest
from attribase.store import AttribaseError, mapped_column
from attribase.store import upsert as upsert_module
from lance.fragment import write_fragments

from .sample_rows import images, ranks


@pytest.fixture
def opened(monkeypatch):
    """The datasets that upserts open, newest last."""
    datasets = []

    def dataset(uri):
        datasets.append(lance.dataset(uri))
        return datasets[-1]

    monkeypatch.setattr(upsert_module, "open_table", dataset)
    return datasets


def test_writing_a_run_shard_by_shard_reads_as_much_for_the_last_shard_as_for_the_second(store, opened):
    read = []
    for shard in range(12):
        assert store.upsert("ranks", ranks(shard)) == 500
        read.append(sum(dataset.io_stats_snapshot().read_bytes for dataset in opened))
        opened.clear()
    assert max(read[2:]) < 1.2 * read[1]
    assert store.count("ranks") == 12 * 500


def test_a_shard_that_is_written_again_reads_the_fragment_that_holds_it(store, opened):
    for shard in range(12):
        store.upsert("ranks", ranks(shard))
    once = opened[-1].io_stats_snapshot().read_bytes
    opened.clear()
    assert store.upsert("ranks", ranks(3)) == 0
    assert opened[-1].io_stats_snapshot().read_bytes < 3 * once
    assert store.upsert("ranks", pa.concat_tables([ranks(3, 600)])) == 100


def come_between(monkeypatch, act):
    """`act` runs when the next upsert has opened its table, before it reads. Returns what upserts open."""
    opened = []

    def dataset(uri):
        opened.append(lance.dataset(uri))
        if len(opened) == 1:
            act()
            return opened[0]
        return opened[-1]

    monkeypatch.setattr(upsert_module, "open_table", dataset)
    return opened


@pytest.mark.parametrize("before", [(), ("x",), ("x", "y", "z")])
@pytest.mark.parametrize("emptied", [False, True])
def test_of_two_inserts_of_one_key_from_the_same_version_the_second_starts_again(
    store, monkeypatch, before, emptied
):
    for name in before:
        store.upsert("images", images(name))
    if emptied:
        store.dataset("images").delete("true")
    opened = come_between(monkeypatch, lambda: store.upsert("images", images("k", "l")))
    assert store.upsert("images", images("k", "m")) == 1
    assert len(opened) == 3  # its own two attempts, and the other's one
    kept = () if emptied else before
    assert sorted(store.read("images")["image_id"].to_pylist()) == sorted([*kept, "k", "l", "m"])
    assert dict(store.blobs("images", "bytes", ["k", "m"])) == {"k": b"k", "m": b"m"}


def test_a_row_that_is_deleted_while_it_is_replaced_is_inserted(store, monkeypatch):
    store.upsert("images", images("a", "b"))
    replace = upsert_module._replace

    def delete_first(uri, rows):
        if rows.num_rows == 2:
            store.dataset("images").delete("image_id = 'a'")
            monkeypatch.setattr(upsert_module, "_replace", replace)
        return replace(uri, rows)

    monkeypatch.setattr(upsert_module, "_replace", delete_first)
    rows = [{"image_id": name, "uri": "new"} for name in "ab"]
    assert store.upsert("images", rows, update=True) == 2
    found = store.read("images", ["image_id", "uri"]).sort_by("image_id").to_pylist()
    assert found == [{"image_id": "a", "uri": "new"}, {"image_id": "b", "uri": "new"}]


def test_a_column_that_is_added_between_reading_and_committing_is_null(store, monkeypatch):
    table = store.ensure_vectors("test", 2)
    row = {"item_kind": "image", "base": [1, 2]}
    store.upsert(table, [{**row, "item_id": "a"}])
    column = mapped_column("m")
    come_between(monkeypatch, lambda: store.set_vector_column(table, column, base))
    assert store.upsert(table, [{**row, "item_id": "b"}]) == 1
    found = {one["item_id"]: one[column] for one in store.read(table).to_pylist()}
    assert found == {"a": [1, 2], "b": None}


def base(batch):
    return batch["base"].flatten().to_numpy().reshape(len(batch), -1)


def test_rows_inserted_beside_a_column_update_get_a_value_and_no_other_is_computed_again(store):
    table = store.ensure_vectors("test", 2)
    store.upsert(table, [{"item_id": "a", "item_kind": "image", "base": [1, 2]}])
    computed = []

    def compute(batch):
        computed.extend(batch["item_id"].to_pylist())
        if computed == ["a"]:
            store.upsert(table, [{"item_id": "b", "item_kind": "image", "base": [3, 4]}])
        return base(batch)

    assert store.set_vector_column(table, mapped_column("m"), compute) == 2
    assert computed == ["a", "b"]
    found = {one["item_id"]: one["mapped_m"] for one in store.read(table).to_pylist()}
    assert found == {"a": [1, 2], "b": [3, 4]}


def test_an_insert_leaves_the_first_fragment_in_an_index(store):
    store.upsert("images", images("a"))
    store.dataset("images").create_scalar_index("image_id", "BTREE")
    store.upsert("images", images("b"))
    dataset = store.dataset("images")
    (index,) = dataset.describe_indices()
    assert index.num_rows_indexed == 1
    assert dataset.to_table(["image_id"], filter="image_id = 'b'").num_rows == 1


def test_a_file_whose_end_was_not_written_is_never_committed(store, monkeypatch):
    def cut(rows, dataset, **options):
        written = write_fragments(rows, dataset, **options)
        path = Path(dataset.uri, "data", written[0].files[0].path)
        path.write_bytes(path.read_bytes()[:-10])
        return written

    store.upsert("images", [{"image_id": "a"}])
    monkeypatch.setattr(upsert_module, "write_fragments", cut)
    with pytest.raises(AttribaseError, match="were written"):
        store.upsert("images", [{"image_id": "b"}])
    monkeypatch.undo()
    assert store.upsert("images", [{"image_id": "b"}]) == 1
    assert store.count("images") == 2
