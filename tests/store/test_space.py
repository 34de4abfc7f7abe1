"""What compaction frees, writes and keeps is what was said before it ran."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from attribase.store.maintenance import compact
from attribase.store.space import measure_space
from attribase.store.tags import create_tag, delete_tag

NOW = timedelta(0)
DAY = timedelta(days=1)


def disk(store):
    folders = (Path(store.uri, f"{table}.lance") for table in store.tables())
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def total(store, name, keep=DAY):
    return sum(getattr(one, name) for one in measure_space(store, keep=keep))


@pytest.fixture
def churned(sound):
    for n in range(12):
        sound.upsert("images", [{"image_id": "hot", "bytes": bytes([n]) * 100_000}], update=True)
    return sound


def test_the_total_is_that_of_the_disk_and_measuring_writes_nothing(churned):
    before = disk(churned)
    assert total(churned, "total") == before
    assert disk(churned) == before


def test_young_versions_are_freed_later_and_old_ones_now(churned):
    assert total(churned, "freed") == 0
    later = total(churned, "later")
    assert later > 11 * 100_000
    assert total(churned, "freed", keep=NOW) == later
    ready = max(one.ready for one in measure_space(churned) if one.ready)
    assert datetime.now() < ready <= datetime.now() + DAY
    before = disk(churned)
    list(compact(churned))
    assert disk(churned) >= before  # nothing was old enough
    said = total(churned, "later")
    before = disk(churned)
    list(compact(churned, keep=NOW))
    assert disk(churned) == pytest.approx(before - said, rel=0.05)
    assert total(churned, "later") == 0


def test_what_a_tag_keeps_is_counted_until_the_tag_is_deleted(churned):
    create_tag(churned, "before")
    churned.upsert("images", [{"image_id": "hot", "bytes": b"small"}], update=True)
    (images,) = (one for one in measure_space(churned, keep=NOW) if one.table == "images")
    assert images.tags == ("before",)
    assert 100_000 <= images.tagged < 200_000
    list(compact(churned, keep=NOW))
    kept = disk(churned)
    delete_tag(churned, "before")
    freed = total(churned, "freed", keep=NOW)
    assert freed >= images.tagged
    list(compact(churned, keep=NOW))
    assert disk(churned) <= kept - images.tagged


def test_merging_writes_what_was_said_and_a_tag_holds_the_small_fragments(sound):
    for n in range(8):
        sound.upsert("images", [{"image_id": str(n), "bytes": bytes([n]) * 50_000}])
    create_tag(sound, "small")
    (images,) = (one for one in measure_space(sound) if one.table == "images")
    assert 8 * 50_000 < images.merged < 10 * 50_000
    assert images.held == images.merged
    before = disk(sound)
    list(compact(sound, keep=NOW))
    assert disk(sound) > before + 7 * 50_000  # as said: written again, and not freed
    delete_tag(sound, "small")
    list(compact(sound, keep=NOW))
    assert disk(sound) < before + 50_000
