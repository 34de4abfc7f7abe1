"""attribute, similar and influence_by in SQL: their rows for one item, for many, and at earlier versions."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from attribase.query import attribute, connect, influence_by, run_sql
from attribase.query.sql import macro_rows
from attribase.query.sql.macros import answer_column
from attribase.query.sql.sandbox import SqlPool
from attribase.store import InvalidInputError
from PIL import Image


@pytest.fixture
def calibrated(small):
    small.calibrate(tau=0.2, lam=0.3)
    return small


@pytest.fixture
def con(calibrated):
    with connect(calibrated.store.uri) as con:
        yield con


def rows(con, statement, params=None):
    return con.sql(statement, params=params).to_arrow_table().to_pylist()


def unit(row):
    return row / np.linalg.norm(row)


def nearest(fake, item, ids):
    """Ids of `ids`, most similar first, ties by id."""
    scores = {i: float(unit(fake.vectors[i]) @ unit(fake.vectors[item])) for i in ids}
    return sorted(ids, key=lambda i: (-round(scores[i], 5), i))


def pool(fake):
    exemplars = {e for row in fake.store.read("models").to_pylist() for e in row["exemplar_ids"]}
    return {i for i in fake.vectors if i.startswith("g")} | exemplars


def test_attribute_returns_what_the_python_function_returns(con, calibrated):
    answer = attribute(calibrated.store, "m1-s0", k=7)
    found = rows(con, "from attribute('m1-s0', k := 7)")
    assert [row["image_id"] for row in found] == [one.image_id for one in answer.results]
    assert [row["rank"] for row in found] == list(range(1, 8))
    for row, one in zip(found, answer.results, strict=True):
        assert row["similarity"] == pytest.approx(one.similarity, abs=1e-6)
        assert row["influence"] == pytest.approx(one.influence, abs=1e-9)
        assert (row["exact"], row["complete"]) == (answer.exact, answer.complete)
        assert row["remaining"] == pytest.approx(answer.remaining, abs=1e-9)
    shown = [row["influence"] for row in found]
    assert sum(shown) + found[0]["remaining"] == pytest.approx(1)


def test_ten_images_are_returned_by_default(con):
    assert len(rows(con, "from attribute('m1-s0')")) == 10
    assert len(rows(con, "from similar('m1-s0')")) == 10
    assert len(rows(con, "from attribute('m1-s0', 3)")) == 3
    assert len(rows(con, "from attribute($1, k := $2)", ["m1-s0", 4])) == 4


def test_a_sample_goes_by_its_uri_too(con):
    assert rows(con, "from attribute('file:m1-s0.png')") == rows(con, "from attribute('m1-s0')")


def test_a_lateral_join_answers_each_row_as_a_statement_of_its_own(con):
    join = "select s.sample_id, a.* from samples as s, attribute(s.sample_id, k := 5) as a order by all"
    joined = rows(con, join)
    samples = [row["sample_id"] for row in rows(con, "select sample_id from samples order by sample_id")]
    assert len(joined) == 5 * len(samples)
    for at, sample in enumerate(samples):
        mine = joined[5 * at : 5 * at + 5]
        alone = rows(con, "from attribute($1, k := 5) order by rank", [sample])
        assert [row["sample_id"] for row in mine] == [sample] * 5
        assert [row["image_id"] for row in mine] == [row["image_id"] for row in alone]
        for name in ("similarity", "influence", "remaining"):
            assert [row[name] for row in mine] == pytest.approx([row[name] for row in alone], abs=1e-6)


def test_thousands_of_items_are_answered_2048_at_a_time(con, monkeypatch):
    asked = []
    answer = macro_rows.answer_all

    def count(snapshot, items, request):
        asked.append(len(items))
        return answer(snapshot, ["m1-s0"] * len(items), request)

    monkeypatch.setattr(macro_rows, "answer_all", count)
    scattered = pa.Table.from_batches(  # as a table comes that was written a few rows at a time
        [pa.record_batch({"item": [f"x{n + i}" for i in range(10)]}) for n in range(0, 5000, 10)]
    )
    con.from_arrow(scattered).create_view("scattered")
    for joined in (
        "scattered, attribute(item, k := 2)",
        "scattered left join attribute(item, k := 2) on true",
        "(from scattered where hash(item) % 7 > 0 or true) cross join lateral attribute(item, k := 2)",
    ):
        asked.clear()
        assert rows(con, f"select count(*) as n from {joined}") == [{"n": 10_000}]
        assert asked == [2048, 2048, 904]


def test_a_macro_may_stand_wherever_a_table_may(con):
    best = rows(con, "from attribute('m1-s0', k := 1)")[0]["image_id"]
    where = "sample_id = 'm1-s0'"
    for statement in (
        f"select (select image_id from attribute(sample_id, k := 1)) as best from samples where {where}",
        f"select list(image_id) [1] as best from samples, attribute(sample_id, k := 1) where {where}",
        "with a as (from attribute('m1-s0', k := 1)) select image_id as best from a",
        "select image_id as best from attribute('m1-s0', k := 1) where exists (from attribute('m1-s1'))",
        "select b.image_id as best from attribute('m1-s0', k := 3) as a join attribute('m1-s0', k := 1) as b "
        "using (image_id)",
        "select image_id as best from attribute('m1-s0', k := 1) union select image_id from attribute(null)",
        f"select image_id as best from (select sample_id as item, 1 as k from samples where {where}) as asked"
        ", attribute(item, k := k)",
        f"select image_id as best from (select sample_id as asked from samples where {where}), "
        "attribute(asked, k := 1, mapper := 'none')",
    ):
        assert rows(con, statement) == [{"best": best}], statement


def test_a_repeated_item_is_answered_once():
    asked = []

    def ask(items, options):
        asked.append((list(items), options))
        return [2] * len(items), {"n": [n for item in items for n in (len(item), 0)]}

    fields = pa.struct({"n": "int64"})
    answers = answer_column(["a", "bb", None, "a", "a"], [(1,), (1,), (1,), (2,), (1,)], ask, fields)
    assert asked == [(["a", "bb"], (1,)), (["a"], (2,))]
    lists = answers.to_pylist()
    assert lists[0] == lists[3] == lists[4] == [{"n": 1}, {"n": 0}]
    assert (lists[1], lists[2]) == ([{"n": 2}, {"n": 0}], None)


def test_no_item_has_no_rows(con):
    for call in ("attribute(null)", "similar(null)", "influence_by('creator', null)"):
        assert rows(con, f"from {call}") == []
    kept = rows(
        con,
        "select item, count(image_id) as n from (values ('m1-s0'), (null)) as asked(item) "
        "left join attribute(item, k := 3) on true group by item order by item",
    )
    assert kept == [{"item": "m1-s0", "n": 3}, {"item": None, "n": 0}]


def test_options_may_differ_from_row_to_row(con):
    found = rows(
        con,
        "select k, count(*) as n from (values (1), (4), (9)) as asked(k), attribute('m1-s0', k := k) "
        "group by k order by k",
    )
    assert found == [{"k": 1, "n": 1}, {"k": 4, "n": 4}, {"k": 9, "n": 9}]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("attribute('nobody')", "nobody"),
        ("similar('nobody')", "nobody"),
        ("influence_by('creator', 'nobody')", "nobody"),
        ("influence_by('shoe size', 'm1-s0')", "shoe size"),
        ("influence_by(null, 'm1-s0')", "field"),
        ("attribute('m1-s0', encoder := 'nothing')", "nothing"),
        ("attribute('m1-s0', mapper := 'nothing')", "nothing"),
        ("attribute('m1-s0', k := 0)", "k is 0"),
        ("similar('m1-s0', k := -1)", "k is -1"),
        ("attribute('m1-s0', k := null)", "k is null"),
        ("samples, attribute(sample_id || '?')", r"\?"),
    ],
)
def test_an_invalid_argument_is_named_with_a_hint(calibrated, call, named):
    with pytest.raises(InvalidInputError, match=named) as caught:
        run_sql(calibrated.store.uri, f"from {call}")
    assert "Python" not in str(caught.value)
    assert "\n" not in str(caught.value) + caught.value.hint
    assert caught.value.hint
    assert "duckdb.org" not in caught.value.hint


def test_text_is_never_a_path(con, tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(path)
    for call in ("attribute($1)", "similar($1)", "influence_by('creator', $1)"):
        with pytest.raises(duckdb.Error, match=r"picture\.png"):
            rows(con, f"from {call}", [str(path)])


def test_similar_to_a_sample_are_the_nearest_images(con, calibrated):
    found = rows(con, "from similar('m2-s0', k := 20)")
    assert [row["image_id"] for row in found] == nearest(calibrated, "m2-s0", pool(calibrated))[:20]
    assert [row["rank"] for row in found] == list(range(1, 21))
    first = found[0]
    alike = unit(calibrated.vectors["m2-s0"]) @ unit(calibrated.vectors[first["image_id"]])
    assert first["similarity"] == pytest.approx(alike, abs=1e-6)


def test_similar_to_an_image_are_others(con, calibrated):
    found = [row["image_id"] for row in rows(con, "from similar('g000', k := 20)")]
    assert found == nearest(calibrated, "g000", pool(calibrated) - {"g000"})[:20]
    assert found[0] == "g150"  # its copy
    everything = rows(con, "from similar('g000', k := 100000)")
    assert {row["image_id"] for row in everything} == pool(calibrated) - {"g000"}
    assert [row["rank"] for row in everything] == list(range(1, len(everything) + 1))


def test_images_and_samples_may_be_items_of_one_join(con):
    found = rows(
        con,
        "select item, list(image_id order by rank) as ids "
        "from (values ('g000'), ('m1-s0'), ('g150')) a(item), similar(item, k := 3) group by item",
    )
    for row in found:
        alone = rows(con, "from similar($1, k := 3) order by rank", [row["item"]])
        assert row["ids"] == [one["image_id"] for one in alone]


def test_influence_by_returns_what_the_python_function_returns(con, calibrated):
    answer = attribute(calibrated.store, "m1-s0", k=1)
    for field in ("creator", "license", "category", "collection"):
        found = rows(con, "from influence_by($1, 'm1-s0')", [field])
        wanted = influence_by(calibrated.store, answer, field)
        assert [(row["name"], row["images"]) for row in found] == [(one.name, one.images) for one in wanted]
        assert [row["influence"] for row in found] == pytest.approx([one.influence for one in wanted])
    both = "select field, sum(influence) as all from (values ('creator'), ('license')) f(field), "
    for row in rows(con, both + "influence_by(field, 'm1-s0') group by field"):
        assert row["all"] == pytest.approx(1)


def test_without_calibration_influence_is_null_and_owners_have_their_best_match(small):
    with connect(small.store.uri) as con:
        found = rows(con, "from attribute('m1-s0', k := 3)")
        assert [(row["influence"], row["remaining"]) for row in found] == [(None, None)] * 3
        assert {row["state"] for row in found} == {"similar"}
        owners = rows(con, "from influence_by('creator', 'm1-s0')")
        best = """select creator, image_id, similarity
            from attribute('m1-s0', k := 1000) join images using (image_id)
            qualify row_number() over (partition by creator order by similarity desc, image_id) = 1"""
        wanted = {(row["creator"], row["image_id"], row["similarity"]) for row in rows(con, best)}
        assert {(row["name"], row["image_id"], row["similarity"]) for row in owners} == wanted
        assert {(row["influence"], row["state"]) for row in owners} == {(None, "similar")}


def test_tags_and_at_attribute_in_the_store_as_it_was(calibrated):
    calibrated.store.tag("before")
    calibrated.images(["new"], "gallery", calibrated.vectors["m1-s0"][None])
    uri = calibrated.store.uri
    first = "select image_id from {}attribute('m1-s0', k := 1)"
    with connect(uri) as con:
        assert rows(con, first.format("")) == [{"image_id": "new"}]
        (was,) = rows(con, first.format("before."))
        assert was["image_id"] != "new"
        assert rows(con, "from before.similar('m1-s0', k := 1)")[0]["image_id"] == was["image_id"]
        now, then = (
            rows(con, f"select sum(images) as n from {schema}influence_by('collection', 'm1-s0')")
            for schema in ("", "before.")
        )
        assert now[0]["n"] != then[0]["n"]
        with pytest.raises(duckdb.Error, match="new"):
            rows(con, "from before.similar('new')")
    with connect(uri, at="before") as con:
        assert rows(con, first.format("")) == [was]
    assert run_sql(uri, first.format(""), at="before").to_pylist() == [was]


def test_macros_keep_the_versions_that_the_connection_was_opened_on(con, calibrated):
    before = rows(con, "from attribute('m1-s0', k := 1)")
    calibrated.images(["new"], "gallery", calibrated.vectors["m1-s0"][None])
    assert rows(con, "from attribute('m1-s0', k := 1)") == before


def test_macros_run_in_the_sandbox_too(calibrated):
    ask = "select s.sample_id, a.* from samples as s, attribute(s.sample_id, k := 2) as a order by all"
    with SqlPool(calibrated.store.uri, workers=1, seconds=60) as pool:
        sandboxed = pool.run(ask).table().to_pylist()
        similar = pool.run("from similar('g000', k := 3)").table()
        owners = pool.run("select sum(influence) as n from influence_by('creator', 'm1-s0')").table()
    ours = run_sql(calibrated.store.uri, ask).to_pylist()
    assert [(row["sample_id"], row["image_id"]) for row in sandboxed] == [
        (row["sample_id"], row["image_id"]) for row in ours
    ]
    assert (similar.num_rows, owners["n"].to_pylist()) == (3, [pytest.approx(1)])
