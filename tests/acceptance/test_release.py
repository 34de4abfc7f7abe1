"""Somebody downloads the official release: its tables come out as the published protocol computes them."""

import json

import numpy as np
import pytest
from attribase.cli import cli
from click.testing import CliRunner

from .official import CASES, ENCODERS, write_release
from .protocol import influence, metrics


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return write_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def store(release, tmp_path_factory):
    uri = str(tmp_path_factory.mktemp("stores") / "abc.store")
    ask(uri, "ingest", "release", str(release.folder))
    return uri


@pytest.fixture(scope="module")
def evaluated(store):
    return json.loads(ask(store, "query", "eval", "--format", "json"))


def ask(uri, *words):
    answer = CliRunner().invoke(cli, ["-s", uri, *words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.stderr
    return answer.stdout


def reference(release, encoder, mapper, case, scheme):
    real, synth = release.mappers.get((encoder, mapper), (None, None))
    entries = release.index[case]
    gallery = release.rows(encoder, release.gallery, real)
    exemplars = [release.rows(encoder, entry["exemplar"], real) for entry in entries]
    place = {path: n for n, path in enumerate(release.gallery)}
    twice = [[place[path] for path in entry["exemplar"] if path in place] for entry in entries]
    paths = [path for entry in entries for path in entry["synth"][scheme]]
    owners = [n for n, entry in enumerate(entries) for _ in entry["synth"][scheme]]
    return metrics(release.rows(encoder, paths, synth), owners, gallery, exemplars, twice)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(("case", "scheme"), [(case, s) for case, both in CASES.items() for s in both])
@pytest.mark.parametrize("mapped", [False, True])
def test_every_figure_is_the_published_protocols(release, evaluated, encoder, case, scheme, mapped):
    mapper = ENCODERS[encoder][1] if mapped else "none"
    asked = {"encoder": encoder, "mapper": mapper, "case_name": case, "scheme": scheme}
    (row,) = [row for row in evaluated if asked.items() <= row.items()]
    found = [row[name] for name in ("recall_5", "recall_10", "recall_100", "map")]
    assert row["split"] == "test"
    assert row["samples"] == 7 * 5
    assert found == pytest.approx(reference(release, encoder, mapper, case, scheme), abs=1e-6)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_influence_over_the_gallery_is_the_authors_calibrators(release, store, encoder):
    mapper = ENCODERS[encoder][1]
    uri = release.index["artchive"][3]["synth"]["gpt"][1]
    options = ("--encoder", encoder, "--mapper", mapper, "--pool", "gallery", "-k", "400", "--format", "json")
    answer = json.loads(ask(store, "query", "attribute", uri, *options))
    real, synth = release.mappers[encoder, mapper]
    scores = release.rows(encoder, release.gallery, real) @ release.rows(encoder, [uri], synth)[0]
    expected = dict(
        zip(release.gallery, influence(scores, *release.calibrators[encoder, mapper]), strict=True)
    )
    found = {result["uri"]: result["influence"] for result in answer["results"]}
    assert set(found) == set(expected)
    for path, share in found.items():
        assert share == pytest.approx(expected[path], abs=1e-5)
    assert sum(found.values()) == pytest.approx(1)
    assert answer["exact"] is True
    similarities = [result["similarity"] for result in answer["results"]]
    assert similarities == pytest.approx(np.sort(scores)[::-1].tolist(), abs=1e-5)


def test_twice_changes_nothing(release, store, evaluated):
    from attribase.store import Store

    before = Store.open(store).versions()
    ask(store, "ingest", "release", str(release.folder))
    again = json.loads(ask(store, "query", "eval", "--format", "json"))
    assert Store.open(store).versions() == before
    assert again == evaluated
