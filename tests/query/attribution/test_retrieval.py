"""Exact retrieval: bounded memory, and ties."""

import numpy as np
import pytest
from attribase.query import attribute, attribute_many
from attribase.query.attribution import retrieval
from attribase.query.search import SearchSpace

SAMPLES = [f"m{model}-s{sample}" for model in range(4) for sample in range(3)]


def test_a_scan_holds_no_more_similarities_than_it_may(small, monkeypatch):
    monkeypatch.setattr(retrieval, "SIMILARITY_BYTES", 4 * 230 * 5)
    seen = []
    scan = SearchSpace.scan

    def counting(space, vectors, pool):
        seen.append(len(vectors))
        return scan(space, vectors, pool)

    monkeypatch.setattr(SearchSpace, "scan", counting)
    attribute_many(small.store, SAMPLES)
    assert (sum(seen), max(seen)) == (len(SAMPLES), 5)


@pytest.mark.usefixtures("vectors")
def test_equal_vectors_are_equally_similar_wherever_they_stand(small):
    rows = np.repeat(small.rng.normal(size=(1, 16)), 50, axis=0)
    small.images([f"t{i:02d}" for i in range(50)], "gallery", rows)
    answer = attribute(small.store, "m2-s1", k=300)
    ties = [result for result in answer.results if result.image_id.startswith("t")]
    assert len({result.similarity for result in ties}) == 1
    assert [result.image_id for result in ties] == [f"t{i:02d}" for i in range(50)]
