"""Many questions through the partitions of an index, against comparing each with everything."""

import numpy as np
import pytest
from attribase.query import Request, Session, answer_all
from attribase.query.attribution import retrieval_choice, retrieval_partitions
from attribase.query.attribution.retrieval import RetrievalTask, retrieve_exactly
from attribase.query.attribution.retrieval_partitions import retrieve_through_partitions
from attribase.query.search import partitions as module
from attribase.query.search.partitions import PartitionScan, SpacePartitions
from attribase.runtime.influence import PaperLaw

from .conftest import ENCODER, INDEX_ID, SAMPLES

NAMES = [f"s{n:03d}" for n in range(SAMPLES)]


@pytest.fixture
def blocks_of_a_hundred(monkeypatch):
    monkeypatch.setattr(module, "FIRST_ROWS", 10)
    monkeypatch.setattr(module, "BLOCK_BYTES", 0)
    monkeypatch.setattr(module, "ROWS_A_PARTITION", 2)
    monkeypatch.setattr(module, "GROUP_ROWS", 3)


def found_by(scan, floors):
    blocks = list(scan.blocks(lambda: floors))
    query, rows, values = (np.concatenate(column) for column in zip(*blocks, strict=True))
    assert len(set(zip(query.tolist(), rows.tolist(), strict=True))) == len(query)
    return {(q, r): v for q, r, v in zip(query.tolist(), rows.tolist(), values.tolist(), strict=True)}


@pytest.mark.usefixtures("blocks_of_a_hundred")
@pytest.mark.parametrize("where", [None, "creator < 'c2'"])
@pytest.mark.parametrize("nprobes", [1, 7, 10_000])
def test_a_scan_compares_each_query_with_its_nearest_partitions(indexed_once, queries, where, nprobes):
    space = indexed_once.space
    partitions, pool = SpacePartitions.read(space), space.pool("all", where)
    scan = PartitionScan(space, partitions, pool, queries, nprobes)
    similarities = queries @ space.unit_rows(np.arange(len(space))).T
    order = np.argsort(-(queries @ partitions.centres.T), axis=1)[:, :nprobes]
    wanted = {}
    for query, nearest in enumerate(order):
        rows = np.flatnonzero(np.isin(partitions.of_row, nearest) & pool.mask)
        assert scan.searched[query] == len(rows)
        wanted |= {(query, row): similarities[query, row] for row in rows if similarities[query, row] >= 0.3}
    found = found_by(scan, np.full(len(queries), 0.3, np.float32))
    assert found.keys() == wanted.keys()
    assert [found[key] for key in found] == pytest.approx([wanted[key] for key in found], abs=1e-6)


@pytest.mark.usefixtures("blocks_of_a_hundred")
def test_images_that_came_after_the_index_are_compared_with_every_query(indexed, queries):
    new = indexed.add("new", np.concatenate([queries[:3], -queries[:3]]))
    space = indexed.space
    scan = PartitionScan(space, SpacePartitions.read(space), space.pool("all"), queries, 1)
    found = found_by(scan, np.full(len(queries), -2, np.float32))
    rows = space.rows.image_rows(new)
    assert {(q, r) for q, r in found if r in rows} == {(q, r) for q in range(len(queries)) for r in rows}


@pytest.mark.usefixtures("blocks_of_a_hundred")
@pytest.mark.parametrize(("tau", "lam"), [(0.02, 1e-3), (0.1, 0.4), (0.5, 1e-3)])
@pytest.mark.parametrize("k", [1, 10, 5000])
def test_answers_have_the_influence_of_comparing_all(indexed_once, monkeypatch, tau, lam, k):
    monkeypatch.setattr(retrieval_partitions, "SCANNED_TOGETHER", 17)
    space = indexed_once.space
    task = RetrievalTask(space, space.pool("all"), Request(k=k), PaperLaw(tau, lam))
    vectors = space.sample_vectors(NAMES)
    found = list(retrieve_through_partitions(task, SpacePartitions.read(space), vectors))
    for one, wanted in zip(found, retrieve_exactly(task, vectors), strict=True):
        assert one.coverage.complete
        if one.coverage.exact:
            assert one.rows.tolist() == wanted.rows.tolist()
        assert one.rows[:1].tolist() == wanted.rows[:1].tolist()
        assert len(one.rows) == len(wanted.rows)
        shared = np.isin(wanted.candidates.rows, one.candidates.rows)
        assert wanted.candidates.influence[~shared].sum() <= 0.002
    if k == 5000:
        assert all(one.coverage.exact for one in found)


def test_far_partitions_with_influence_make_a_question_be_compared_with_all(indexed_once, monkeypatch):
    monkeypatch.setattr(retrieval_partitions, "PROBED", 1)
    space = indexed_once.space
    vectors = space.sample_vectors(NAMES)
    methods = {}
    for tau in (0.005, 5.0):
        task = RetrievalTask(space, space.pool("all"), Request(k=1), PaperLaw(tau, 0.5))
        found = retrieve_through_partitions(task, SpacePartitions.read(space), vectors)
        methods[tau] = [one.coverage.method for one in found]
    assert methods[0.005].count("index") > SAMPLES // 2
    assert set(methods[5.0]) == {"exact"}


def test_an_index_whose_rows_are_elsewhere_is_not_used(indexed_once, monkeypatch):
    space = indexed_once.space
    read = module.read_partitions

    def turned(*given):
        found = read(*given)
        return type(found)(np.roll(found.centres, 1, axis=0), found.of_row)

    monkeypatch.setattr(module, "read_partitions", turned)
    assert SpacePartitions.read(space) is None


def test_many_questions_of_a_large_pool_have_the_images_of_each_alone(indexed, monkeypatch):
    calibration = {
        "calibration_id": INDEX_ID,
        "encoder": ENCODER,
        "mapper": "none",
        "tau": 0.02,
        "lambda": 1e-3,
    }
    indexed.store.upsert("calibrations", [calibration])
    request = Request(encoder=ENCODER, mapper="none", k=5)
    snapshot = Session(indexed.store).snapshot()
    monkeypatch.setattr("attribase.query.search.space.NARROW_ROWS", 100)
    monkeypatch.setattr(retrieval_choice, "EXACT_SCAN_BYTES", 1000)
    monkeypatch.setattr(retrieval_choice, "MANY_QUESTIONS", 10)
    together = answer_all(snapshot, NAMES, request)
    assert {one.method for one in together} <= {"index", "exact"}
    assert "index" in {one.method for one in together}
    for name, one in zip(NAMES, together, strict=True):
        (alone,) = answer_all(snapshot, [name], request)
        assert alone.method == "index"
        assert [r.image_id for r in one.results] == [r.image_id for r in alone.results]
        assert [r.similarity for r in one.results] == [r.similarity for r in alone.results]
        assert [r.influence for r in one.results] == pytest.approx(
            [r.influence for r in alone.results], abs=1e-3
        )
        assert (one.complete, one.unseen) == (True, 0.0)


def test_ids_that_were_read_at_once_are_those_of_each(indexed_once):
    rows = indexed_once.space.rows
    rows.read_ids(np.array([9, 3, 3, 700]))
    alone = indexed_once.space.rows
    for some in ([3, 9], [700], [3, 4], [3999], []):
        wanted = alone.ids.take(np.array(some, np.int64)).to_pylist()
        assert rows.ids_of(np.array(some, np.int64)) == wanted
