"""Which items a run does: conditions, failures tried again, vectors that were dropped."""

import shutil

import numpy as np
import pyarrow as pa
import pytest
from attribase.ingest.embed import plan
from attribase.ingest.embed.plan import KnownIds
from attribase.store.errors import InvalidInputError
from PIL import Image


def test_known_ids_are_a_set_of_strings():
    rng = np.random.default_rng(0)
    ids = [f"{value:x}" for value in rng.integers(0, 4000, 3000)]
    known = KnownIds([pa.array(ids[:900]), pa.array([], pa.string()), pa.array(ids[900:1500])])
    asked = [f"{value:x}" for value in range(4000)]
    assert known.has(pa.array(asked)).tolist() == [item in set(ids[:1500]) for item in asked]
    assert known.has(pa.array([], pa.string())).tolist() == []
    assert KnownIds([]).has(pa.array(["a"])).tolist() == [False]


def test_a_condition_on_a_column_of_images_selects_images_alone(gallery):
    wanted = gallery.images([gallery.png(0)], creator="Hokusai")
    gallery.images([gallery.png(1)], creator="O'Keeffe")
    gallery.samples([gallery.png(2)], scheme="gpt")
    gallery.embed(where="creator = 'Hokusai'")
    assert gallery.embedded() == wanted


def test_a_condition_that_both_tables_understand_selects_from_both(gallery):
    large = gallery.images([gallery.png(0)], width=512) + gallery.samples([gallery.png(1)], width=600)
    gallery.images([gallery.png(2)], width=64)
    gallery.samples([gallery.png(3)], width=32)
    gallery.embed(where="width > 100")
    assert gallery.embedded() == sorted(large)


def test_a_condition_keeps_its_parts_together(gallery):
    """`a or b` beside "has bytes" must not select what has no bytes."""
    gallery.store.upsert("images", [{"image_id": "elsewhere", "uri": "http", "width": 5}])
    there = gallery.images([gallery.png(0)], width=9)
    gallery.embed(where="width = 5 OR width = 9")
    assert gallery.embedded() == there
    assert gallery.failures() == {}


@pytest.mark.parametrize("where", ["colour = 'red'", "width >", "creator = 'a' AND scheme = 'gpt'"])
def test_a_condition_that_fits_neither_table_is_refused_with_their_columns(gallery, where):
    with pytest.raises(InvalidInputError) as error:
        gallery.embed(where=where)
    assert "images have image_id" in error.value.hint
    assert "scheme" in error.value.hint


def test_what_a_condition_left_out_is_done_later_without_it(gallery):
    gallery.images([gallery.png(seed) for seed in range(5)], category="cat")
    gallery.images([gallery.png(seed) for seed in range(5, 9)], category="dog")
    assert gallery.embed(where="category = 'dog'")[-1].total == 4
    assert gallery.embed()[-1].total == 5
    assert len(gallery.embedded()) == 9


def test_a_failure_is_tried_again_only_when_asked_and_forgotten_when_it_works(gallery):
    big, torn = gallery.png(0, 40, 30), gallery.png(1)[:-60]
    ids = gallery.images([big, torn])
    gallery.embed(pixel_limit=1000)
    assert gallery.failures() == {ids[0]: "too-many-pixels", ids[1]: "truncated"}
    assert gallery.embed()[-1].total == 0
    assert gallery.embed(retry_failed=True)[-1].total == 2
    assert gallery.embedded() == [ids[0]]
    assert gallery.failures() == {ids[1]: "truncated"}
    assert gallery.embed(retry_failed=True)[-1].total == 1  # the same job a second time is done again


def test_the_first_of_several_frames_is_embedded_and_that_is_noted(gallery):
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    moving = gallery.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    pages = gallery.encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    still = gallery.encoded(frames[0])
    items = gallery.images([moving, pages, still])
    step = gallery.embed()[-1]
    assert "failed" not in step.note
    assert gallery.failures() == {items[0]: "animated", items[1]: "animated"}
    rows = {row["item_id"]: row["base"] for row in gallery.store.read(gallery.table).to_pylist()}
    assert rows[items[0]] == pytest.approx(rows[items[2]], abs=0.02)  # GIF's red is nearly red
    assert rows[items[1]] == pytest.approx(rows[items[2]], abs=1e-5)
    assert gallery.embed(retry_failed=True)[-1].total == 0


def test_vectors_that_were_dropped_are_made_again(gallery):
    """The job that made them is done; that must not count."""
    ids = gallery.images([gallery.png(seed) for seed in range(4)])
    for _ in range(3):
        gallery.embed()
        assert gallery.embedded() == sorted(ids)
        shutil.rmtree(gallery.store.layout.table(gallery.table))


def test_work_is_cut_into_jobs_of_bounded_size(gallery, monkeypatch):
    monkeypatch.setattr(plan, "JOB_ITEMS", 4)
    ids = gallery.images([gallery.png(seed) for seed in range(7)])
    ids += gallery.samples([gallery.png(seed) for seed in range(7, 10)])
    steps = gallery.embed(shard_size=3)
    assert (steps[-1].done, steps[-1].total) == (10, 10)
    assert gallery.embedded() == sorted(ids)
    counts = gallery.store.read("jobs", ["job_id", "count"]).to_pylist()
    sizes = {}
    for row in counts:
        sizes[row["job_id"]] = sizes.get(row["job_id"], 0) + row["count"]
    assert sorted(sizes.values()) == [2, 4, 4]


def test_progress_tells_speed_and_time_left(gallery):
    gallery.images([gallery.png(seed) for seed in range(8)])
    steps = gallery.embed(shard_size=2)
    assert "images/s" in steps[1].note
    assert steps[1].note.endswith(" left")
    assert "left" not in steps[-1].note
