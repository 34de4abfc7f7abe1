"""attribute, similar and influence_by in SQL say how many images have a vector and were compared."""

from attribase.query import connect
from attribase.store.tags import create_tag


def test_every_row_says_how_many_images_have_a_vector_and_were_compared(small):
    calls = ("attribute('m1-s0', k := 2)", "similar('m1-s0', k := 2)", "influence_by('creator', 'm1-s0')")
    small.calibrate(tau=0.2, lam=0.3)
    counts = "select distinct exact, pool_size, embedded, searched from"
    whole = connect(small.store.uri)
    before = [whole.sql(f"{counts} {call}").fetchall() for call in calls]
    size = before[0][0][1]
    assert before == [[(True, size, size, size)]] * 3
    create_tag(small.store, "whole")
    lost = [{"collection": "gallery", "image_id": f"lost{i}"} for i in range(2)]
    small.store.upsert("members", lost)
    partial = connect(small.store.uri)
    after = [partial.sql(f"{counts} {call}").fetchall() for call in calls]
    assert after == [[(False, size + 2, size, size)]] * 3
    tagged = [partial.sql(f"{counts} whole.{call}").fetchall() for call in calls]
    assert tagged == before
    for call in (calls[0], calls[2]):
        assert partial.sql(f"select distinct complete from {call}").fetchall() == [(False,)]
