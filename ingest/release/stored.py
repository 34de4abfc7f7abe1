"""What a store holds of the release, and whether the rest of it fits."""

import json
from collections.abc import Iterable, Mapping

from ...store import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    Store,
    key_id,
    mapped_column,
    vectors_table,
)
from ...store.lookup import quote
from ...store.vectors import encoder_of
from .listing import ListedModel, Listing
from .weights import ReleasedCalibration, ReleasedMapper

SOURCE = "AbC release"
JOB = "release"


def existing_store(uri: str) -> Store | None:
    """The store at `uri`, None where there is none yet. ConflictError for one of a newer format."""
    try:
        return Store.open(uri)
    except NotFoundError:
        return None


def known_encoders(store: Store) -> set[str]:
    """Every encoder of the store's encoders, mappers and calibrations."""
    found: set[str] = set()
    for table in ("encoders", "mappers", "calibrations"):
        found.update(store.read(table, ["encoder"])["encoder"].to_pylist())
    return found


def model_config(place: int, exemplars: Iterable[str]) -> str:
    """The `config` of a released model: its number in the case, and the release's paths of its exemplars."""
    return json.dumps({"source": SOURCE, "place": place, "exemplars": list(exemplars)}, sort_keys=True)


def stored_listing(store: Store, case: str) -> Listing | None:
    """The released models of `case` in the store, None when there are none."""
    where = f"case_name = {quote(case)}"
    rows = store.read("models", ["model_id", "config", "concept", "category"], where).to_pylist()
    configs = {row["model_id"]: json.loads(row["config"] or "{}") for row in rows}
    mine = {name: config for name, config in configs.items() if config.get("source") == SOURCE}
    if not mine:
        return None
    samples: dict[str, dict[str, list[str]]] = {name: {} for name in mine}
    table = store.read("samples", ["model_id", "scheme", "uri"])
    for name, scheme, uri in zip(*(table[column].to_pylist() for column in table.column_names), strict=True):
        if name in samples:
            samples[name].setdefault(scheme, []).append(uri)
    order = sorted(mine, key=lambda name: mine[name]["place"])
    models = tuple(
        ListedModel(
            tuple(mine[name]["exemplars"]),
            {scheme: tuple(paths) for scheme, paths in samples[name].items()},
        )
        for name in order
    )
    return Listing(case, f"the store's case {case!r}", models, complete=_indexed(store, case))


def _indexed(store: Store, case: str) -> bool:
    """Whether an index of `case` was imported completely."""
    rows = store.read("jobs", ["spec", "state"], f"kind = {quote(JOB)}")
    parts = [json.loads(spec).get("part", "") for spec in rows["spec"].to_pylist()]
    name = f"dataset/json/test_{case}.json"
    mine = [part in (name, f"{name}.gz") for part in parts]
    states = {state for state, is_mine in zip(rows["state"].to_pylist(), mine, strict=True) if is_mine}
    return states == {"done"}


def check_store(
    store: Store,
    dims: Mapping[str, int],
    mappers: Iterable[ReleasedMapper],
    calibrations: Iterable[ReleasedCalibration],
) -> None:
    """Raise ConflictError or InvalidInputError where the store holds something else under the same name."""
    encoders = {row["encoder"]: row["dim"] for row in store.read("encoders", ["encoder", "dim"]).to_pylist()}
    tables = store.tables()
    for encoder, dim in dims.items():
        table = vectors_table(encoder)
        if table in tables:
            schema = store.schema(table)
            if encoder_of(schema) != encoder:
                raise ConflictError(
                    f"the encoders {encoder_of(schema)!r} and {encoder!r} would both be kept in {table}",
                    hint="rename the folder under feats/, or use another store",
                )
            encoders[encoder] = schema.field("base").type.list_size
        if encoders.get(encoder, dim) != dim:
            raise InvalidInputError(
                f"features of {encoder} have {dim} dimensions, the store's have {encoders[encoder]}",
                hint="rename the folder under feats/, or use another store; nothing was imported",
            )
    for mapper in mappers:
        known = encoders.get(mapper.encoder, mapper.pair.dim_in)
        if mapper.pair.dim_in != known:
            raise InvalidInputError(
                f"{mapper.name}: real_mapper takes {mapper.pair.dim_in} dimensions, the store's vectors of "
                f"{mapper.encoder} have {known}",
                hint="use a mapper of this encoder; nothing was imported",
            )
    _check_mappers(store, mappers)
    _check_calibrations(store, calibrations)


def _check_mappers(store: Store, mappers: Iterable[ReleasedMapper]) -> None:
    stored = store.read("mappers", ["mapper_id", "encoder", "mapper"]).to_pylist()
    known = {row["mapper_id"]: row for row in stored}
    for one in mappers:
        name = key_id(one.encoder, one.mapper)
        sharing = [
            row["mapper"]
            for row in stored
            if row["encoder"] == one.encoder
            and row["mapper"] != one.mapper
            and mapped_column(row["mapper"]) == mapped_column(one.mapper)
        ]
        if sharing:
            raise ConflictError(
                f"{one.name}: the mappers {sharing[0]!r} and {one.mapper!r} would be kept in one column",
                hint="rename the file",
            )
        if name in known and not has_weights(store, one):
            raise ConflictError(
                f"{one.name}: the store has another mapper {one.mapper!r} of {one.encoder}",
                hint="rename the file to import it beside that one, or use another store",
            )


def has_weights(store: Store, mapper: ReleasedMapper) -> bool:
    """Whether the stored mapper of this name has the same weights."""
    ((_, data),) = store.blobs("mappers", "weights", [key_id(mapper.encoder, mapper.mapper)])
    return data == mapper.pair.to_bytes()


def _check_calibrations(store: Store, calibrations: Iterable[ReleasedCalibration]) -> None:
    rows = store.read("calibrations", ["encoder", "mapper", "tau", "lambda"]).to_pylist()
    stored = {(row["encoder"], row["mapper"]): (row["tau"], row["lambda"]) for row in rows}
    for one in calibrations:
        if stored.get((one.encoder, one.mapper), (one.tau, one.lam)) != (one.tau, one.lam):
            raise ConflictError(
                f"{one.name}: the store has another calibration of {one.encoder} with {one.mapper}",
                hint="move the file away to keep the store's, or use another store",
            )
