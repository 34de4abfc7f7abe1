"""Search through an index: time a query and recall, beside exact search and FAISS, in one run.

    python benchmarks/search.py [--sizes 100000 300000 1000000] [--dim 512] [--folder DIR] [--faiss NAME ...]

`index`: `SearchSpace.search` with the index that `attribase index` chose, one stored sample after another;
the answers are rescored exactly. `exact`: the same call comparing with every image. `attribute`: the whole
answer with influence and the details of its images. FAISS has the same vectors in memory and as many threads:
IVF-PQ and IVF-RaBitQ, whose best candidates are rescored from the float32 vectors, and HNSW; of each, the
fastest of its settings with a recall@10 of TARGET is measured, or the one that finds most. `index ms`: our
index, in turns with it at the same samples; `x index`: their median over that.

Recall is against exact ranks of 200 samples; no index holds samples, but ours was tuned with a sixth of them.
`MB`: all of a FAISS index; of ours the index's files, as the vectors stay on disk. (IVF-PQ's rescoring needs
them in memory: in brackets.)
`LATERAL`: 1,000 samples through `attribute` in one statement, and 50 of them a statement each.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from attribase.query import Request, Session, answer_all, connect
from attribase.query.search import SearchSpace
from attribase.query.search.index_build import IndexTarget, index_space
from attribase.runtime.devices import core_count
from attribase.store import Store
from rich.console import Console
from rich.table import Table
from search_faiss import PEERS, Ask, Peer
from search_inputs import ENCODER, fill

QUERIES, WARM, ASKED, EXACT, SINGLE, TURNS = 1200, 30, 200, 7, 50, 3
TARGET = 0.99


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    name: str
    times: list[float]  # ms of each query
    recall_10: float
    recall_100: float
    megabytes: str = ""
    build: float = 0  # seconds
    note: str = ""
    beside: float = 0  # ms, the median of our index in turns with it

    def cells(self) -> list[str]:
        """What the table shows."""
        median, *tail = np.quantile(self.times, (0.5, 0.9, 0.99))  # no estimate beyond the slowest of few
        found = [f"{self.recall_10:.4f}", f"{self.recall_100:.4f}"] if self.recall_10 else ["", ""]
        ratio = [f"{self.beside:.2f}", f"{median / self.beside:.2f}"] if self.beside else ["", ""]
        times = [f"{one:.2f}" for one in (median, *tail)]
        return [self.name, *times, *ratio, *found, self.megabytes, f"{self.build:.0f}", self.note]


COLUMNS = ("", "ms", "p90", "p99", "index ms", "x index", "recall@10", "@100", "MB", "build s", "")


def timed(ask: Ask, vectors: np.ndarray, k: int, warm: int = WARM) -> tuple[list[float], np.ndarray]:
    """Milliseconds of each query after `warm` others, and the answers (queries, k)."""
    for vector in vectors[:warm]:
        ask(vector[None], k)
    spent, found = [], []
    for vector in vectors:
        began = time.perf_counter()
        found.append(ask(vector[None], k)[0])
        spent.append(1000 * (time.perf_counter() - began))
    return spent, np.stack(found)


def recall(found: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Mean share of the true first `k` among the first `k` found."""
    pairs = zip(found[:, :k], truth[:, :k], strict=True)
    return float(np.mean([len(np.intersect1d(one, other)) / k for one, other in pairs]))


def ours(store: Store, space: SearchSpace, vectors: np.ndarray, truth: np.ndarray, build: float) -> list[Row]:
    """Our index and our scan."""
    record = space.index
    assert record is not None
    note = f"{record.kind}, {record.partitions} partitions, {record.nprobes} probed, refine {record.refine}"
    files = [*Path(store.uri).glob("vectors_*/_indices/**/*"), *Path(store.uri).glob("files/codes/*")]
    size = f"{sum(file.stat().st_size for file in files) / 1e6:.0f}"
    ask = by(space, "index")
    spent, ten = timed(ask, vectors, 10)
    _, hundred = timed(ask, vectors, 100)
    indexed = Row("index", spent, recall(ten, truth, 10), recall(hundred, truth, 100), size, build, note)
    spent, found = timed(by(space, "exact"), vectors[:EXACT], 10, warm=1)
    return [indexed, Row("exact", spent, recall(found, truth[:EXACT], 10), 1)]


def by(space: SearchSpace, method: str) -> Ask:
    """The rows that a search by `method` finds."""
    pool = space.pool()
    return lambda vector, k: space.search(vector, k, pool, method=method).rows


def whole_answers(store: Store, session: Session) -> Row:
    """`attribute` of one sample after another."""
    snapshot = session.snapshot()
    names = store.read("samples", ["sample_id"])["sample_id"].to_pylist()[:ASKED]
    spent, complete, request = [], [], Request(encoder=ENCODER, mapper="none", k=10, files=False)
    for name in [*names[:WARM], *names]:
        began = time.perf_counter()
        (answer,) = answer_all(snapshot, [name], request)
        spent.append(1000 * (time.perf_counter() - began))
        complete.append(answer.complete)
    return Row("attribute", spent[WARM:], 0, 0, note=f"complete {np.mean(complete[WARM:]):.3f}")


def at_recall(peer: Peer, index: Ask, vectors: np.ndarray, truth: np.ndarray) -> Row:
    """The fastest of the settings whose recall@10 is TARGET; without one, that with most recall."""
    tried = []
    for effort in peer.efforts:
        peer.set_effort(effort)
        spent, ten = timed(peer.ask, vectors, 10)
        tried.append((recall(ten, truth, 10), -statistics.median(spent), effort))
    enough = [one for one in tried if one[0] >= TARGET]
    chosen = max(enough, key=lambda one: one[1]) if enough else max(tried, key=lambda one: one[:2])
    note = peer.set_effort(chosen[2])
    theirs, mine = [], []
    for _ in range(TURNS):
        theirs += timed(peer.ask, vectors, 10)[0]
        mine += timed(index, vectors, 10)[0]
    _, hundred = timed(peer.ask, vectors, 100)
    found = recall(hundred, truth, 100)
    return Row(peer.name, theirs, chosen[0], found, peer.megabytes, peer.build, note, statistics.median(mine))


def lateral(store: Store) -> str:
    """One statement for a thousand samples, and a statement for each of some."""
    con = connect(store.uri)
    names = store.read("samples", ["sample_id"])["sample_id"].to_pylist()[:1000]
    con.execute("create temp table asked as select unnest($names) as item", {"names": names})
    one = "select image_id, influence from attribute($item, k := 10)"
    many = "select a.image_id, a.influence from asked, lateral attribute(asked.item, k := 10) a"
    con.execute(one, {"item": names[0]}).fetchall()
    began = time.perf_counter()
    for name in names[:SINGLE]:
        con.execute(one, {"item": name}).fetchall()
    between = time.perf_counter()
    count = len(con.execute(many).fetchall())
    ended = time.perf_counter()
    assert count == 10 * len(names)
    single, batched = 1000 * (between - began) / SINGLE, 1000 * (ended - between) / len(names)
    times = f"{batched:.2f} ms a sample of {len(names)}, {single:.1f} ms one by one"
    return f"LATERAL: {times}: x {single / batched:.1f}"


def measure(count: int, dim: int, folder: Path, console: Console, peers: list[str]) -> None:
    """One size."""
    store = Store.open(folder) if folder.exists() else fill(folder, count, dim, QUERIES)
    began = time.perf_counter()
    build_index(store)
    build = time.perf_counter() - began
    session = Session(store)
    space = session.snapshot().space(ENCODER, "none")
    gallery = space.unit_rows(np.arange(count))
    names = store.read("samples", ["sample_id"])["sample_id"].to_pylist()[-ASKED:]
    vectors = space.sample_vectors(names)
    truth = np.argsort(-(vectors @ gallery.T), axis=1)[:, :100]
    space.open_index().warm()  # as a service does
    rows = [*ours(store, space, vectors, truth, build), whole_answers(store, session)]
    console.print(*(one.cells() for one in rows), lateral(store), sep="\n")  # what follows takes longest
    rows += [at_recall(PEERS[name](gallery), by(space, "index"), vectors, truth) for name in peers]
    table = Table(title=f"{count:,} x {dim}, {core_count()} cores")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for one in rows:
        table.add_row(*one.cells())
    console.print(table)


def build_index(store: Store) -> None:
    """What `attribase index` does."""
    for _ in index_space(store, ENCODER, "none", IndexTarget()):
        pass


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--folder", type=Path, help="keep the stores here, and use those that are here")
    parser.add_argument(
        "--faiss",
        nargs="*",
        choices=PEERS,
        default=list(PEERS),
        help="the indexes of FAISS to measure; HNSW takes longest to build",
    )
    given = parser.parse_args()
    faiss.omp_set_num_threads(core_count())
    console = Console(width=180)
    for count in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(given.folder or folder, f"{count}x{given.dim}.store")
            measure(count, given.dim, place, console, given.faiss)


if __name__ == "__main__":
    main()
