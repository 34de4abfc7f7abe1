"""A release asked for its numbers gives those of the published protocol, worked out here by sorting."""

import shutil

import attribase
import numpy as np
import pytest
from attribase.query import attribute, evaluate
from attribase.store import Store

from .official import GALLERY, KINDS
from .protocol import published, unit

ASKED = [("clip", "none"), ("my_vit", "none"), *KINDS]


@pytest.fixture(scope="module")
def evaluated(full, tmp_path_factory) -> Store:
    uri = tmp_path_factory.mktemp("evaluated") / "store"
    shutil.copytree(full.uri, uri)
    store = Store.open(uri)
    assert list(evaluate(store, device="cpu"))
    return store


@pytest.mark.parametrize(("encoder", "mapper"), ASKED)
def test_metrics_are_those_of_the_published_protocol(official, evaluated, encoder, mapper):
    rows = attribase.connect(evaluated.uri).execute(
        "select case_name, scheme, samples, recall_5, recall_10, recall_100, map from metrics"
        " where encoder = $encoder and mapper = $mapper and split = 'test'",
        {"encoder": encoder, "mapper": mapper},
    )
    found = {(case, scheme): numbers for case, scheme, *numbers in rows.fetchall()}
    wanted = published(official, encoder, mapper)
    assert set(found) == set(wanted)
    for key, numbers in wanted.items():
        assert found[key] == pytest.approx(numbers, abs=1e-6)


@pytest.mark.parametrize(("encoder", "mapper"), [("clip", "tuned"), ("my_vit", "mlp")])
def test_influence_is_that_of_the_released_calibrator(official, full, encoder, mapper):
    path = official.entries["artchive"][2]["synth"]["object"][1]
    answer = attribute(full, path, encoder=encoder, mapper=mapper, k=len(GALLERY), pool="gallery")
    scores = unit(official, encoder, mapper, 0, GALLERY) @ unit(official, encoder, mapper, 1, [path])[0]
    inverse_tau, bias = official.calibrators[encoder, mapper]
    scaled = scores * inverse_tau
    weights = np.maximum(np.exp(scaled - scaled.max()) + 0.001 * bias, 0)
    shares = dict(zip(GALLERY, weights / weights.sum(), strict=True))
    assert answer.exact
    assert len(answer.results) == len(GALLERY)
    for result in answer.results:
        assert result.influence == pytest.approx(shares[result.uri], abs=1e-5)
