"""Tags: what they name, what they keep, and what a kill in the middle leaves."""

from datetime import timedelta

import pytest
from attribase.store import ConflictError, InvalidInputError, NotFoundError, Store
from attribase.store.maintenance import compact
from attribase.store.tags import SENTINEL, delete_tag, get_tag


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "a.store")
    add(store, "a")
    return store


def add(store, *names):
    store.upsert("members", [{"collection": "gallery", "image_id": name} for name in names])


def test_a_tag_names_the_newest_version_of_every_table(store):
    versions = store.versions()
    made = store.tag("before")
    add(store, "b")
    assert made.versions == versions
    assert set(versions) == set(store.tables())
    assert [(tag.name, tag.versions) for tag in store.tags()] == [("before", versions)]
    assert store.versions()["members"] > versions["members"]


def test_tags_come_oldest_first(store):
    for name in ("zebra", "ant"):
        store.tag(name)
    assert [tag.name for tag in store.tags()] == ["zebra", "ant"]


def test_tagged_versions_outlive_compaction_until_the_tag_is_dropped(store):
    version = store.tag("before").versions["members"]
    for name in "bcd":
        add(store, name)
    list(compact(store, keep=timedelta(0)))
    assert store.dataset("members", version).count_rows() == 1
    with pytest.raises(NotFoundError):
        store.dataset("members", version + 1)
    delete_tag(store, "before")
    list(compact(store, keep=timedelta(0)))
    with pytest.raises(NotFoundError):
        store.dataset("members", version)


def test_what_results_pin_and_what_is_tagged_do_not_get_in_each_others_way(store):
    pinned = store.versions()["members"]
    row = {"run_id": "r", "encoder": "e", "mapper": "none", "table_versions": f'{{"members": {pinned}}}'}
    store.upsert("runs", [row])
    add(store, "b")
    tagged = store.tag("before").versions["members"]
    add(store, "c")
    for _ in range(2):
        list(compact(store, keep=timedelta(0)))
    assert store.dataset("members", pinned).count_rows() == 1
    assert store.dataset("members", tagged).count_rows() == 2
    assert [tag.name for tag in store.tags()] == ["before"]


@pytest.mark.parametrize(
    "name",
    ["", "Before", "before-cleaning", "v1.0", "2026", "main", "temp", "a b", "pinned-v3", "x" * 64, 'a"b'],
)
def test_a_name_that_sql_cannot_use_as_it_is_is_refused(store, name):
    with pytest.raises(InvalidInputError, match="cannot be a tag"):
        store.tag(name)
    assert store.dataset("members").tags.list() == {}


def test_a_tag_is_not_moved_unasked(store):
    version = store.tag("before").versions["members"]
    add(store, "b")
    with pytest.raises(ConflictError, match="already"):
        store.tag("before")
    assert get_tag(store, "before").versions["members"] == version


def test_a_tag_that_a_kill_left_on_some_tables_is_none_and_can_be_made(store):
    for table in sorted(set(store.tables()) - {SENTINEL})[:5]:
        store.dataset(table).tags.create("before", 1)
    assert store.tags() == []
    with pytest.raises(NotFoundError):
        get_tag(store, "before")
    add(store, "b")
    assert store.tag("before").versions == store.versions()


def test_a_tag_that_is_not_there_is_told_with_those_that_are(store):
    with pytest.raises(NotFoundError) as error:
        delete_tag(store, "before")
    assert "attribase tag" in error.value.hint
    store.tag("after")
    with pytest.raises(NotFoundError) as error:
        get_tag(store, "before")
    assert "after" in error.value.hint
