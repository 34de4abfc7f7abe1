"""Mappers that learn from the untouched base: the baseline without adding one in."""

from dataclasses import replace

import pytest
from attribase.store import InvalidInputError

from .test_mapper import FAST, recall_at_10, train


def test_a_mapper_learns_from_the_untouched_base_alone_where_it_is_asked_to(made):
    with pytest.raises(InvalidInputError, match="0 embedded training models") as raised:
        train(made, replace(FAST, on="none"))
    assert "ingest plan --method none" in raised.value.hint
    rows = made.read("models").to_pylist()
    made.upsert(
        "models",
        [
            row | {"method": "none", "split": f"untouched-{row['split']}"}
            for row in rows
            if row["split"] in ("train", "val")
        ],
        update=True,
    )
    pair = train(made, replace(FAST, on="none", pairs=200))
    assert recall_at_10(made, pair, "test") > 0.8
    with pytest.raises(InvalidInputError, match="0 embedded training models"):
        train(made)
