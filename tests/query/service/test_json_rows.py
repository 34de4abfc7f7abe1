"""Rows as JSON: complete, cut and refused, whatever the values weigh in Arrow."""

import json
from types import SimpleNamespace

import pyarrow as pa
import pytest
from attribase.query.service import json_rows
from attribase.query.service.json_rows import PIECE_WEIGHT, light_pieces, weight, write_json
from attribase.store.errors import LimitError


def written(batch, limit=1 << 30, truncated=False):
    rows = SimpleNamespace(schema=batch.schema, batches=iter([batch]), truncated=truncated)
    return b"".join(write_json(rows, limit))


def column(values, kind=None):
    return pa.record_batch({"v": pa.array(values, kind)})


VALUES = {
    "text": column(["a", None, 'é"\n']),
    "lists": column([[1, None], [], None]),
    "structs": column([{"a": 1, "b": "x"}, None]),
    "maps": column([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    "enums": pa.record_batch({"v": pa.array(["a", "b", "a", None]).dictionary_encode()}),
    "nothing": column([None, None]),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("piece", [1, PIECE_WEIGHT])
def test_values_are_the_same_in_pieces_of_any_size(monkeypatch, kind, piece):
    monkeypatch.setattr(json_rows, "PIECE_WEIGHT", piece)
    batch = VALUES[kind]
    expected = json.loads(json.dumps([[value] for value in batch["v"].to_pylist()]))
    assert json.loads(written(batch))["rows"] == expected


def test_rows_beyond_the_limit_are_cut():
    text = written(column(["x" * 100] * 1000), limit=10_000)
    said = json.loads(text)
    assert said["truncated"] is True
    assert 0 < len(said["rows"]) < 1000
    assert len(text) <= 10_000


STRUCTS = pa.StructArray.from_buffers(pa.struct([]), 3_000_000, [None])


@pytest.mark.parametrize(
    "items",
    [pa.nulls(3_000_000), STRUCTS, pa.DictionaryArray.from_arrays(pa.array([0] * 1000), ["x" * 1_000_000])],
    ids=["nulls", "structs without fields", "an enum of long text"],
)
def test_a_value_that_is_small_in_arrow_and_large_as_text_is_refused(items):
    assert items.nbytes < 2_000_000
    batch = pa.record_batch({"v": pa.ListArray.from_arrays(pa.array([0, len(items)], pa.int32()), items)})
    with pytest.raises(LimitError, match="column v is too large"):
        written(batch)


def test_a_slice_weighs_what_it_shows():
    for batch in VALUES.values():
        parts = [weight(batch.slice(at, 1)["v"]) for at in range(batch.num_rows)]
        assert all(part > 0 for part in parts)
        assert weight(batch["v"]) <= 2 * sum(parts)
    assert [piece.num_rows for piece in light_pieces(column([1, 2, 3]))] == [3]
