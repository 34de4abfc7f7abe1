"""Conditions evaluated on rows: what fails, and how much time and memory it may take."""

import pyarrow as pa
import pytest
from attribase.query.conditions import evaluate, matching_rows, parse_condition
from attribase.store.errors import InvalidInputError, LimitError

ROWS = pa.table(
    {
        "place": range(6),
        "width": pa.array([1, 0, None, 4, 2**31 - 1, 7], pa.int32()),
        "seed": pa.array([1, 2, 3, 2**63 - 1, None, 9007199254740993], pa.int64()),
        "name": ["12", "x", None, '{"a": {"b": "c"}, "d": [1, 2]}', "{", "a_b%c"],
        "tags": [["x"], [], None, ["y", "x"], ["z"], [None]],
    }
)


def select(text, rows=ROWS, **options):
    found = matching_rows(parse_condition(text), rows.to_batches(), rows.schema, ["place"], **options)
    return found["place"].to_pylist()


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("width / 2 = 2", [3]),
        ("seed = 9007199254740993", [5]),
        ("seed % 2 = 1", [0, 2, 3, 5]),
        ("width // 2 = 2 or width ^ 2 = 49", [3, 5]),
        ("try_cast(name as int) = 12", [0]),
        ("json_valid(name) and name ->> 'd' is not null", [3]),
        ("case when json_valid(name) then name -> 'a' ->> 'b' = 'c' end", [3]),
        ("list_contains(tags, 'x')", [0, 3]),
        ("tags[1] = 'y'", [3]),
        ("name like '%!_b!%%' escape '!'", [5]),
        ("name ilike 'A\\_%'", []),
        ("name ilike 'A_b%'", [5]),
        ("regexp_extract(name, '([0-9]+)', 1) = '12'", [0]),
        ("replace(name, '_', '') = 'ab%c'", [5]),
        ("position('b' in name) = 3", [5]),
        ("extract('year' from date '2020-05-01') = 2020 and width = 4", [3]),
        ("greatest(width, 5) = 5 and width is not null", [0, 1, 3]),
        ("[width, 1][1] = 4", [3]),
        ("case width when 1 then true when 4 then true else false end", [0, 3]),
        ("concat_ws('-', name, 'x') = '12-x'", [0]),
        ("width in (1, 0.0, 4e0, null)", [0, 1, 3]),
        ("- width = -4", [3]),
        (f"width in ({', '.join(map(str, range(0, 400, 2)))})", [1, 3]),
        (f"width not in ({', '.join(map(str, range(2, 400)))})", [0, 1, 4]),
        (f"name in ({', '.join(repr('x' * n) for n in range(500))}) or width = 7", [1, 5]),
    ],
)
def test_a_condition_selects_what_it_says(text, places):
    assert sorted(select(text)) == places


@pytest.mark.parametrize(
    "text",
    [
        "name::int = 1",
        "width % 0 = 1",
        "1 // 0 = 1",
        "seed * seed = 3",
        "abs(seed - 9223372036854775807 - 9) = 1",
        "'x'",
        "width = 'x'",
        "name = date '2020-13-01'",
        "name -> 'a' = 'b'",
        "regexp_matches(name, '(')",
        "regexp_matches(name, '(a{1000}){1000}')",
        "length(width) = 1",
        "date_part('nothing', date '2020-01-01') = 1",
        "tags = 1",
        "lower(name)",
    ],
)
def test_what_fails_on_the_data_is_an_error_of_the_condition(text):
    with pytest.raises(InvalidInputError, match="cannot be used") as raised:
        select(text)
    assert "\n" not in str(raised.value)


def test_a_failure_of_reading_is_not_an_error_of_the_condition():
    def broken():
        yield from ROWS.to_batches()
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        matching_rows(parse_condition("width = 1"), broken(), ROWS.schema, ["place"])


def test_a_condition_that_takes_too_long_is_stopped():
    with pytest.raises(InvalidInputError, match="longer than 0 seconds"):
        select("width = 1", seconds=0)


def test_a_condition_that_takes_too_much_memory_is_stopped(monkeypatch):
    class Greedy(evaluate.DuckDBWriter):
        def write(self, _):
            return "width in (select i from range(100000000) as t(i))"

    monkeypatch.setattr(evaluate, "DuckDBWriter", Greedy)
    with pytest.raises(LimitError, match="more than 128 MB"):
        select("width = 1")


def test_the_more_text_a_condition_makes_the_fewer_rows_are_evaluated_at_once(monkeypatch):
    sizes = []
    slices = evaluate._Feed.slices

    def watched(self):
        for batch in slices(self):
            sizes.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(evaluate._Feed, "slices", watched)
    rows = pa.table({"place": range(5000), "name": ["x"] * 5000})
    assert len(select("name = 'x'", rows)) == 5000
    assert max(sizes) == evaluate.BATCH_ROWS
    sizes.clear()
    assert len(select(" and ".join(["upper(name) || 'y' = 'Xy'"] * 10), rows)) == 5000
    assert max(sizes) == evaluate.BATCH_ROWS // 21
    assert sum(sizes) == 5000


def test_a_pattern_takes_linear_time():
    rows = pa.table({"place": [0], "name": ["a" * 50_000]})
    for pattern in ("%a" * 30 + "b", "%a_" * 30 + "b", "%a" * 30 + "_b"):
        assert select(f"name like '{pattern}' or name ilike '{pattern}'", rows) == []
    assert select("regexp_matches(name, '(a*)*b') or name ~ '(a|aa)+c'", rows) == []
