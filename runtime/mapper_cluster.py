"""Mapping stored vectors on a cluster: workers write the column of fragments; this process commits all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ..store import Step, Store
from ..store.ids import mapped_column, vectors_table
from ..store.vectors import ColumnFile, ColumnUpdate, write_column
from .cluster import Cluster, ClusterRun, connect
from .mapper import MappedRows, MapperPair, fill_column
from .tasks import Handler, WorkerTask

STAGE = "map"


@dataclass(frozen=True)
class ColumnWork:
    """What the workers share: the column of a version of a table, and what computes it."""

    store: Store
    table: str
    version: int
    column: str
    compute: MappedRows


def fill_column_steps(
    store: Store, encoder: str, mapper: str, pair: MapperPair, *, ray: str | None = None
) -> Iterator[Step]:
    """Fill the mapper's column, in this process or on the Ray cluster at the address `ray`.

    Steps count vectors, on a cluster alone. Raises as `Store.set_vector_column` and `connect`.
    """
    if ray is None:
        fill_column(store, encoder, mapper, pair)
        return
    with connect(ray) as cluster:
        yield from _fill_on(cluster, store, vectors_table(encoder), mapped_column(mapper), pair)


def _fill_on(cluster: Cluster, store: Store, table: str, column: str, pair: MapperPair) -> Iterator[Step]:
    """Write the column of every fragment in workers, then commit all in one version.

    A fragment that changes in between, and one that comes, is written by this process.
    """
    compute = MappedRows(pair)
    update = ColumnUpdate(store, table, column, compute, pair.dim_out)
    dataset = update.open()
    rows = {str(one.fragment_id): one.count_rows() for one in dataset.get_fragments()}
    done, total = 0, sum(rows.values())
    yield Step(STAGE, 0, total)
    work = ColumnWork(store, table, int(dataset.version), column, compute)
    tasks = (WorkerTask(number, f"fragment {number} of {table}", int(number)) for number in rows)
    demand = cluster.demand(lanes=True, gpus=False)
    run = ClusterRun(cluster, open_worker, work, store.uri, demand)
    for ready in run.run(tasks, len(rows)):
        update.files.update((int(task.key), file) for task, file in ready)
        done += sum(rows[task.key] for task, _ in ready)
        yield Step(STAGE, done, total, run.describe())
    update.commit()


def open_worker(work: ColumnWork, _device: str) -> Handler:
    """In a worker: what writes the column of one fragment."""
    return partial(_write, work)


def _write(work: ColumnWork, number: int) -> ColumnFile:
    return write_column(work.store.dataset(work.table, work.version), number, work.column, work.compute)
