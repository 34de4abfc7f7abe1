"""An index and features that contradict each other stop the import, be one of them in the store."""

import json
from pathlib import Path

import pytest
from attribase.ingest.release import ingest_release
from attribase.store import Store
from attribase.store.errors import InvalidInputError

from .contents import files
from .corruption import ARTCHIVE, INDEX, change, check_refused, entry
from .official import copy_parts

DISAGREEING = {
    "an exemplar that the index does not have": (
        entry("exemplar_paths", 3, value="dataset/exemplar/artchive/images/c2/other.jpg"),
        "model 2 has the exemplar 'dataset/exemplar/artchive/images/c2/other.jpg'",
    ),
    "a sample that the index does not have": (
        entry("synth_paths", "object", 4, value="dataset/synth/other.png"),
        "'dataset/synth/other.png' is a 'object' sample of model 1",
    ),
    "a sample of another model": (
        entry("synth_ids", "gpt", 0, value=1),
        "is a 'gpt' sample of model 1",
    ),
    "a chunk of another size": (
        lambda data: data.update(exemplar_chunks=[(0, 2), (2, 3), (3, 5), (5, 8)]),
        "model 2 has 2 exemplars, the second has 3",
    ),
    "a model too few": (
        lambda data: data.update(
            exemplar_chunks=data["exemplar_chunks"][:3],
            synth_ids={scheme: [min(n, 2) for n in ids] for scheme, ids in data["synth_ids"].items()},
        ),
        "it has 3 models, the second has 4",
    ),
}


@pytest.mark.parametrize("name", DISAGREEING)
def test_an_index_and_features_that_disagree(copy, full, indexed, name):
    edit, says = DISAGREEING[name]
    change(copy, ARTCHIVE, edit)
    check_refused(copy.folder, [full, indexed], InvalidInputError, ARTCHIVE, INDEX, says)


@pytest.mark.parametrize("name", DISAGREEING)
def test_features_that_disagree_with_the_index_that_the_store_has(copy, full, indexed, tmp_path, name):
    edit, says = DISAGREEING[name]
    change(copy, ARTCHIVE, edit)
    folder = copy_parts(copy, tmp_path / "part", "feats/clip")
    for store in (full, indexed):
        before, held = store.versions(), files(Path(store.uri))
        with pytest.raises(InvalidInputError) as caught:
            list(ingest_release(store, folder))
        assert all(words in str(caught.value) for words in (ARTCHIVE, "the store's case 'artchive'", says))
        assert store.versions() == before
        assert files(Path(store.uri)) == held


def test_another_index_of_a_case_that_the_store_has_is_refused(copy, full, tmp_path):
    entries = json.loads((copy.folder / INDEX).read_text())
    entries[2]["exemplar"][1] += ".jpg"
    (copy.folder / INDEX).write_text(json.dumps(entries))
    before = full.versions()
    with pytest.raises(InvalidInputError, match="model 2 has the exemplar"):
        list(ingest_release(full, copy_parts(copy, tmp_path / "part", "dataset/json")))
    assert full.versions() == before


def test_an_index_that_disagrees_with_the_features_that_the_store_has(copy, tmp_path):
    store = Store.create(tmp_path / "store")
    list(ingest_release(store, copy_parts(copy, tmp_path / "first", "feats/clip")))
    entries = json.loads((copy.folder / INDEX).read_text())
    entries[1]["synth"]["gpt"] = entries[1]["synth"]["gpt"][1:]
    (copy.folder / INDEX).write_text(json.dumps(entries))
    before = store.versions()
    with pytest.raises(InvalidInputError, match=r"samples/00000.png' is a 'gpt' sample of model 1"):
        list(ingest_release(store, copy_parts(copy, tmp_path / "second", "dataset/json")))
    assert store.versions() == before
