"""Released mappers and calibrations into the store, and their columns in the vector tables."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ...runtime import MapperPair
from ...runtime.mapper import column_is_full, fill_column, mapper_names
from ...store import Step, Store, key_id, vectors_table
from ...store.columns import utc_now
from .stored import SOURCE
from .weights import ReleasedCalibration, ReleasedMapper

STAGE = "mappers"


def add_mappers(store: Store, encoders: Sequence[str], mappers: Sequence[ReleasedMapper]) -> Iterator[Step]:
    """Write the mappers that are not there; fill every mapper's column of `encoders` where it is not full.

    A column is filled before its mapper is listed: one that is listed is one that is ready, also for
    vectors to come.
    """
    released = {(one.encoder, one.mapper): one for one in mappers}
    wanted = set(released) | {(name, one) for name in encoders for one in mapper_names(store, name)}
    stored = store.existing("mappers", [key_id(*key) for key in wanted])
    tables = store.tables()
    left = [
        key
        for key in sorted(wanted)
        if key_id(*key) not in stored or (vectors_table(key[0]) in tables and not column_is_full(store, *key))
    ]
    for done, key in enumerate(left, start=1):
        one = released.get(key)
        pair = one.pair if one else MapperPair.load(store, *key)
        rows = fill_column(store, *key, pair) if vectors_table(key[0]) in tables else 0
        if one:
            store.upsert("mappers", [_mapper_row(one)])
        yield Step(STAGE, done, len(left), f"{key[0]} with {key[1]} ({pair.kind}): {rows:,} vectors")


def _mapper_row(one: ReleasedMapper) -> dict[str, Any]:
    return {
        "mapper_id": key_id(one.encoder, one.mapper),
        "encoder": one.encoder,
        "mapper": one.mapper,
        "kind": one.pair.kind,
        "weights": one.pair.to_bytes(),
        **_origin(one.name),
    }


def add_calibrations(store: Store, calibrations: Sequence[ReleasedCalibration]) -> Iterator[Step]:
    """Write the calibrations that are not there."""
    rows = [
        {
            "calibration_id": key_id(one.encoder, one.mapper),
            "encoder": one.encoder,
            "mapper": one.mapper,
            "tau": one.tau,
            "lambda": one.lam,
            **_origin(one.name),
        }
        for one in calibrations
    ]
    if rows and store.upsert("calibrations", rows):
        yield Step("calibrations", len(rows), len(rows))


def _origin(name: str) -> dict[str, Any]:
    """What a training would have filled: where it is from instead, and when it came."""
    config = json.dumps({"source": SOURCE, "file": name}, sort_keys=True)
    return {"config": config, "table_versions": "{}", "created": utc_now()}
