"""What a store holds, to compare it with another; and which rows of a killed command are right."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from attribase.ingest.plan import STAGE
from attribase.store import Store
from attribase.store.checks import check
from attribase.store.columns import key_columns
from attribase.store.tags import list_tags

CLOCKS = frozenset({"seconds", "milliseconds"})
"""Columns that say how long something took. Of a column that says when, it counts whether it is set."""

STATES = frozenset({"table_versions", "table_version", "versions"})
"""Columns that name versions of tables: a command that was killed makes more of them."""

Row = Mapping[str, Any]
Rows = dict[str, dict[str, Row]]
"""By table and key."""


def rows_of(store: Store | str) -> Rows:
    """All rows of all tables by key, blobs included, without clocks and versions. No key is there twice.

    And the number of rows of every table of a tagged state.
    """
    store = Store.open(store) if isinstance(store, str) else store
    found: Rows = {}
    for table in store.tables():
        schema = store.schema(table)
        columns = [name for name in schema.names if name not in CLOCKS | STATES]
        rows = store.read(table, columns).to_pylist()
        rows = [row for row in rows if table != "jobs" or row["kind"] != STAGE]  # names the plan's folder
        moments = [field.name for field in schema if pa.types.is_timestamp(field.type)]
        rows = [row | {name: "set" for name in moments if row[name] is not None} for row in rows]
        keys = [" ".join(str(row[name]) for name in key_columns(schema)) for row in rows]
        assert len(set(keys)) == len(keys), f"{table} holds a key twice"
        found[table] = dict(zip(keys, rows, strict=True))
    for tag in list_tags(store):
        counts = {table: store.dataset(table, at).count_rows() for table, at in tag.versions.items()}
        found[f"tag {tag.name}"] = {table: {"rows": count} for table, count in counts.items()}
    return found


def wrong_rows(now: Rows, before: Rows, after: Rows) -> list[str]:
    """Rows of a store that a command was killed on, each cell of which is neither as before nor as after it.

    And rows that were there before and after and are not there now.
    """
    wrong = []
    for table in sorted(now.keys() | before.keys()):
        mine, old, new = (found.get(table, {}) for found in (now, before, after))
        wrong += [f"lost {table}: {key}" for key in old.keys() & new.keys() - mine.keys()]
        for key, row in mine.items():
            known = [rows[key] for rows in (old, new) if key in rows]
            if table == "jobs":  # planned here and done there
                continue
            if not known:
                wrong.append(f"unknown {table}: {key}")
            wrong += [
                f"changed {table}.{name}: {key}"
                for name, value in row.items()
                if known and value is not None and all(other.get(name) != value for other in known)
            ]
    return wrong


def differences(now: Rows, wanted: Rows) -> list[str]:
    """Where the rows of a store are not the wanted ones."""
    found = []
    for table in sorted(now.keys() | wanted.keys()):
        mine, theirs = now.get(table, {}), wanted.get(table, {})
        found += [f"no {table}: {key}" for key in theirs.keys() - mine.keys()]
        found += [f"unknown {table}: {key}" for key in mine.keys() - theirs.keys()]
        for key in mine.keys() & theirs.keys():
            cells = [(name, mine[key].get(name), value) for name, value in theirs[key].items()]
            found += [
                f"{table}.{name} is {str(is_)[:80]}, not {str(wanted_)[:80]}: {key}"
                for name, is_, wanted_ in cells
                if is_ != wanted_
            ]
    return found


def problems(store: Store | str) -> set[tuple[str, str]]:
    """(check, table) of what `check` finds."""
    store = Store.open(store) if isinstance(store, str) else store
    return {(problem.check, problem.table) for problem in check(store)}
