"""`attribute(item, alpha := ...)` in SQL."""

import duckdb
import pytest
from attribase.query import attribute, connect


def rows(con, sql):
    return con.sql(sql).to_arrow_table().to_pylist()


def test_a_level_gives_what_python_gives(judged_once):
    answer = attribute(judged_once.store, "t0-s0", k=5, alpha=0.2)
    with connect(judged_once.store.uri) as con:
        found = rows(con, "from attribute('t0-s0', k := 5, alpha := 0.2)")
        plain = rows(con, "from attribute('t0-s0', k := 5)")
        many = rows(
            con,
            "select sample_id, attributed from samples, attribute(sample_id, k := 1, alpha := 0.5) "
            "where sample_id like 't%'",
        )
    assert [row["in_set"] for row in found] == [result.in_set for result in answer.results]
    for row in found:
        assert (row["p_none"], row["attributed"]) == (answer.p_none, answer.attributed)
        assert row["set_size"] == answer.set_size
    assert {row["p_none"] for row in plain} == {answer.p_none}
    assert {(row["attributed"], row["set_size"], row["in_set"]) for row in plain} == {(None, None, None)}
    assert len(many) == 10
    for row in many:
        assert row["attributed"] == attribute(judged_once.store, row["sample_id"], alpha=0.5).attributed


def test_a_level_without_an_abstention_is_an_error_with_the_command(small):
    con = connect(small.store.uri)
    with pytest.raises(duckdb.Error, match="no abstention was trained for enc with none") as raised:
        rows(con, "from attribute('m1-s0', alpha := 0.1)")
    assert "train abstention --encoder enc --mapper none" in str(raised.value)
    assert {row["p_none"] for row in rows(con, "from attribute('m1-s0')")} == {None}
