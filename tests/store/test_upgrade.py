"""Stores that earlier versions made: without a table, without a column, with another key."""

import json
import shutil
from pathlib import Path

import lance
import pyarrow as pa
import pytest
from attribase.store import Store
from attribase.store import schema as schema_module
from attribase.store import upgrade as upgrade_module
from attribase.store.columns import key, key_columns, text
from attribase.store.errors import ConflictError, NotFoundError
from attribase.store.record_schema import FAILURES
from attribase.store.schema import TABLES
from attribase.store.upgrade import upgrade

from .sample_rows import IMAGE

OLD_FAILURES = pa.schema(
    [
        key("stage", position=1),
        key("item", position=2),
        text("reason", null=False),
        pa.field("at", pa.timestamp("us"), nullable=False),
    ]
)
NEW_FAILURES = pa.schema(
    [
        key("stage", position=1),
        key("origin", position=2),
        key("item", position=3),
        text("reason", null=False),
        text("advice"),
        pa.field("at", pa.timestamp("us"), nullable=False),
    ]
)


@pytest.fixture
def earlier(sound):
    """The sound store as the first version made it: no tombstones, no schema in the marker."""
    shutil.rmtree(Path(sound.uri, "tombstones.lance"))
    Path(sound.uri, "store.json").write_text(json.dumps({"attribase": {"format": 1}}))
    return sound


def write_table(store, table, rows, schema):
    shutil.rmtree(store.layout.table(table))
    lance.write_dataset(
        pa.Table.from_pylist(rows, schema), store.layout.table(table), data_storage_version="2.1"
    )


@pytest.fixture
def new_schema(monkeypatch):
    """`new_schema(table, schema)`: what this version wants of a table."""

    def change(table, schema):
        monkeypatch.setitem(TABLES, table, schema)
        upgrade_module.schema_id.cache_clear()

    yield change
    upgrade_module.schema_id.cache_clear()


def test_a_table_that_an_earlier_version_did_not_have_is_added_at_opening(earlier):
    images = earlier.dataset("images").version
    store = Store.open(earlier.uri)
    assert store.tables() == sorted([*TABLES, "vectors_e", "views_e"])
    assert store.count("tombstones") == 0
    assert store.count("images") == 2
    assert store.dataset("images").version == images


def test_a_store_is_upgraded_once(earlier, monkeypatch):
    Store.open(earlier.uri)
    monkeypatch.setattr("attribase.store.store.upgrade_at_opening", None)
    assert Store.open(earlier.uri).count("tombstones") == 0


def test_a_lost_table_is_not_taken_for_one_of_an_earlier_version(earlier):
    shutil.rmtree(Path(earlier.uri, "members.lance"))
    with pytest.raises(NotFoundError, match="'members'"):
        Store.open(earlier.uri).count("members")
    assert not Path(earlier.uri, "members.lance").exists()


def test_a_table_lost_after_the_upgrade_stays_lost(earlier):
    shutil.rmtree(Path(Store.open(earlier.uri).uri, "tombstones.lance"))
    with pytest.raises(NotFoundError, match="'tombstones'"):
        Store.open(earlier.uri).count("tombstones")


def test_a_new_column_is_null_in_the_rows_of_before_and_written_in_new_ones(earlier, new_schema):
    new_schema("images", pa.schema([*schema_module.IMAGES, text("rights")]))
    store = Store.open(earlier.uri)
    store.upsert("images", [{"image_id": "new", "rights": "all reserved"}])
    rows = store.read("images", ["image_id", "rights"]).sort_by("image_id").to_pylist()
    assert {row["image_id"]: row["rights"] for row in rows} == {
        IMAGE: None,
        "referenced": None,
        "new": "all reserved",
    }
    assert dict(store.blobs("images", "bytes", [IMAGE]))[IMAGE]


def test_a_column_that_may_be_null_now_is_allowed_to_be_without_writing_rows_anew(earlier):
    stored = earlier.read("samples", ["sample_id", "model_id", "prompt", "bytes"]).to_pylist()
    wanted = [field for field in TABLES["samples"] if field.name not in ("generator", "metadata", "created")]
    at_first = pa.schema([f.with_nullable(False) if f.name == "model_id" else f for f in wanted])
    write_table(earlier, "samples", stored, at_first)
    (change,) = (one for one in upgrade_module.plan_upgrade(earlier) if one.table == "samples")
    assert (change.action, change.columns) == (
        "add columns",
        ("generator", "metadata", "created", "model_id"),
    )
    files = {path.name for path in Path(earlier.uri, "samples.lance", "data").iterdir()}
    store = Store.open(earlier.uri)
    assert {path.name for path in Path(earlier.uri, "samples.lance", "data").iterdir()} == files
    assert upgrade_module.plan_upgrade(store) == []
    store.upsert("samples", [{"sample_id": "elsewhere", "model_id": None, "generator": "sd15"}])
    rows = {row["sample_id"]: row["model_id"] for row in store.read("samples").to_pylist()}
    assert rows == {row["sample_id"]: row["model_id"] for row in stored} | {"elsewhere": None}
    assert len(stored) > 0


def test_null_that_is_allowed_is_a_change_of_its_own(earlier):
    at_first = [f.with_nullable(False) if f.name == "model_id" else f for f in TABLES["samples"]]
    write_table(earlier, "samples", [], pa.schema(at_first))
    (change,) = (one for one in upgrade_module.plan_upgrade(earlier) if one.table == "samples")
    assert (change.action, change.columns, change.relaxed) == ("allow null", ("model_id",), ("model_id",))


def test_a_table_with_another_key_is_written_anew_with_its_rows(earlier, new_schema):
    row = {"stage": "images", "item": "a.png", "reason": "empty", "at": "2026-01-01T00:00:00"}
    rows = pa.table({name: [value] for name, value in row.items()})
    rows = rows.set_column(3, "at", rows["at"].cast(pa.timestamp("us"))).cast(OLD_FAILURES)
    write_table(earlier, "failures", rows.to_pylist(), OLD_FAILURES)
    new_schema("failures", NEW_FAILURES)
    with pytest.raises(ConflictError, match="failures must be written anew"):
        Store.open(earlier.uri)
    list(upgrade(earlier))
    store = Store.open(earlier.uri)
    assert key_columns(store.schema("failures")) == ["stage", "origin", "item"]
    (kept,) = store.read("failures").to_pylist()
    assert (kept["stage"], kept["origin"], kept["item"], kept["advice"]) == ("images", "", "a.png", None)
    again = {**kept, "origin": "folder"}
    assert store.upsert("failures", [again, again, kept]) == 1
    assert Store.open(earlier.uri).dataset("failures").version == store.dataset("failures").version


def test_rows_that_were_committed_while_a_table_is_written_anew_are_kept(earlier, new_schema, monkeypatch):
    row = {"stage": "images", "item": "a.png", "reason": "empty", "at": None}
    row["at"] = earlier.read("failures", ["at"])["at"][0].as_py()
    write_table(earlier, "failures", [row], OLD_FAILURES)
    new_schema("failures", NEW_FAILURES)
    convert, calls = upgrade_module._in_schema, []

    def late(stored, wanted):
        if not calls:
            calls.append(1)
            late_row = pa.Table.from_pylist([{**row, "item": "b.png"}], OLD_FAILURES)
            lance.write_dataset(late_row, earlier.layout.table("failures"), mode="append")
        return convert(stored, wanted)

    monkeypatch.setattr(upgrade_module, "_in_schema", late)
    list(upgrade(earlier))
    store = Store.open(earlier.uri)
    assert sorted(store.read("failures", ["item"])["item"].to_pylist()) == ["a.png", "b.png"]


def test_many_processes_open_an_earlier_store_at_once(earlier, start):
    lacking = pa.schema([field for field in FAILURES if field.name not in {"detail"}])
    write_table(earlier, "failures", [], lacking)
    children = start(earlier.uri, *[("images", 5, 1)] * 4)
    assert [child.wait() for child in children] == [0] * 4
    store = Store.open(earlier.uri)
    assert store.count("images") == 2 + 5
    assert store.schema("tombstones").equals(TABLES["tombstones"])
    assert sorted(store.schema("failures").names) == sorted(FAILURES.names)


def test_a_store_that_cannot_be_written_opens_without_what_it_lacks(earlier, monkeypatch):
    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(upgrade_module, "create_table", refuse)
    store = Store.open(earlier.uri)
    assert store.count("images") == 2
    assert "tombstones" not in store.tables()


def test_a_damaged_table_does_not_keep_the_others_from_being_upgraded(earlier):
    for manifest in Path(earlier.uri, "models.lance", "_versions").iterdir():
        manifest.write_bytes(b"x")
    store = Store.open(earlier.uri)
    assert store.count("tombstones") == 0


def test_the_schema_id_follows_every_change(new_schema):
    before = upgrade_module.schema_id()
    new_schema("failures", pa.schema([*FAILURES, text("more")]))
    assert upgrade_module.schema_id() != before
