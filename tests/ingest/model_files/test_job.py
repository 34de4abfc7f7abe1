"""The job: many models, running again, kills, what is left out, and what a removal takes with it."""

import json
from pathlib import Path

import pytest
import torch
from attribase.ingest.model_files import Said, check_one_base, ingest_models, list_models
from attribase.ingest.sample import sample
from attribase.store import ConflictError, InvalidInputError, NotFoundError
from attribase.store.checks import check
from attribase.store.removal import readmit, remove
from attribase.store.removal_plan import plan_removal
from safetensors.torch import save_file

from .conftest import DRAWING


@pytest.fixture
def library(tmp_path, make_picture):
    """Three textual inversions, each with two images that it was trained on; one image is of two of them."""
    folder = tmp_path / "library"
    for number, name in enumerate(("cat-toy", "rex", "tom")):
        images = folder / name / "concept_images"
        images.mkdir(parents=True)
        vector = torch.randn(1, 16, generator=torch.Generator().manual_seed(number))
        save_file({f"<{name}>": vector}, folder / name / "learned_embeds.safetensors")
        for seed in (60 + number, 61 + number):
            (images / f"{seed}.png").write_bytes(make_picture(seed))
    return folder


def rows(store):
    return sorted(store.read("models").to_pylist(), key=lambda row: row["concept"])


def test_a_folder_of_models_is_stored_once(store, ingest, library):
    summary = ingest(library, exemplars=())
    assert (summary.new, len(summary.specs)) == (3, 3)
    before = rows(store)
    assert [row["concept"] for row in before] == ["cat-toy", "rex", "tom"]
    assert {(row["case_name"], row["split"], row["concept_kind"]) for row in before} == {
        ("external", "test", "object")
    }
    assert before[0]["exemplar_ids"][1] == before[1]["exemplar_ids"][0]
    assert (store.count("images"), store.count("members", "collection = 'exemplars'")) == (4, 4)
    again = ingest(library, exemplars=())
    assert (again.new, len(again.specs), rows(store)) == (0, 3, before)
    assert again.specs == summary.specs
    assert again.lines("library") == ["library: 3 models read: 0 new, 3 already known; 4 exemplars"]
    assert list(check(store)) == []


def test_a_run_that_was_killed_goes_on(store, base, library, ingest):
    entries = list_models(library, Said(base=str(base), category="cat"))
    steps = ingest_models(store, str(library), entries)
    while store.count("models") < 2:
        next(steps)
    steps.close()
    kept = rows(store)
    summary = ingest(library, exemplars=())
    assert (summary.new, store.count("models")) == (1, 3)
    assert [row for row in rows(store) if row in kept] == kept


def test_one_bad_model_is_left_out_until_it_is_mended(store, ingest, library):
    good = (library / "rex" / "learned_embeds.safetensors").read_bytes()
    (library / "rex" / "learned_embeds.safetensors").write_bytes(good[:-4])
    summary = ingest(library, exemplars=())
    assert (summary.new, summary.failures.total()) == (2, 1)
    (failure,) = store.read("failures").to_pylist()
    assert (failure["stage"], failure["item"]) == ("models", "rex/learned_embeds.safetensors")
    assert "cut off" in failure["detail"]
    (library / "rex" / "learned_embeds.safetensors").write_bytes(good)
    assert ingest(library, exemplars=()).new == 1
    assert store.count("failures") == 0


def test_what_cannot_be_read_in_a_training_folder_is_left_out_and_said(ingest, library):
    images = library / "tom" / "concept_images"
    (images / "62.png").write_bytes((images / "62.png").read_bytes()[:40])
    (images / "62.txt").write_text("a photo of tom")
    (images / "latents.npz").write_bytes(b"x")
    summary = ingest(library / "tom", exemplars=())
    assert len(summary.specs[0].exemplar_ids) == 1
    assert {reason for reason, _ in summary.images_left_out} == {"truncated", "not-an-image"}
    assert any("left out, truncated: 1" in line for line in summary.lines("tom"))
    for file in images.iterdir():
        file.write_bytes(b"no picture")
    with pytest.raises(InvalidInputError, match=r"none of the images in .* can be read"):
        ingest(library / "tom", exemplars=())


def test_exemplars_can_be_images_that_are_stored(ingest, library, exemplars):
    summary = ingest(library / "tom" / "learned_embeds.safetensors", exemplars=tuple(exemplars[:2]))
    assert summary.specs[0].exemplar_ids == tuple(exemplars[:2])
    with pytest.raises(NotFoundError, match="no stored image is called 'nowhere'"):
        ingest(library / "tom" / "learned_embeds.safetensors", exemplars=("nowhere",))


def test_a_removed_exemplar_takes_the_model_along_and_keeps_it_out(store, base, ingest, library):
    summary = ingest(library / "tom", exemplars=())
    list(sample(store, summary.specs, str(base), DRAWING, workers=0))
    assert store.count("samples") == 2
    gone = summary.specs[0].exemplar_ids[0]
    list(remove(store, plan_removal(store, ids=[gone]), models=True))
    assert (store.count("models"), store.count("samples")) == (0, 0)
    with pytest.raises(InvalidInputError, match=f"trained on an image that was removed on .*{gone}") as error:
        ingest(library / "tom", exemplars=())
    assert "readmit" in error.value.hint
    readmit(store, [gone])
    ingest(library / "tom", exemplars=())
    assert store.count("models") == 1


def test_a_model_that_was_removed_itself_stays_out(store, ingest, library):
    ingest(library / "tom", exemplars=())
    (row,) = rows(store)
    list(remove(store, plan_removal(store, ids=row["exemplar_ids"]), models=True))
    readmit(store, row["exemplar_ids"][:1])
    with pytest.raises(InvalidInputError, match="that was removed"):
        ingest(library / "tom", exemplars=())


def test_the_same_file_under_another_name_is_another_model_and_said(store, ingest, library):
    ingest(library / "tom", exemplars=())
    summary = ingest(library / "tom", exemplars=(), concept="thomas")
    assert (summary.new, summary.alike, store.count("models")) == (1, ["learned_embeds.safetensors"], 2)
    digests = {json.loads(row["config"])["sha256"] for row in rows(store)}
    assert len(digests) == 1


def test_two_files_of_one_description_are_told_apart_by_their_names(store, base, ingest, tmp_path):
    for number in (500, 1000):
        vectors = torch.randn(1, 16, generator=torch.Generator().manual_seed(number))
        embedding = {"string_to_param": {"*": vectors}, "name": "tom", "step": number}
        torch.save(embedding, tmp_path / f"tom-{number}.pt")
        summary = ingest(tmp_path / f"tom-{number}.pt", concept="tom")
    with pytest.raises(ConflictError, match=r"2 different settings: file=tom-\d+\.pt, sha256=") as error:
        list(sample(store, summary.specs, str(base), DRAWING, workers=0))
    assert "metadata" not in str(error.value)
    list(sample(store, summary.specs, str(base), DRAWING, workers=0, settings={"file": "tom-500.pt"}))
    assert store.count("samples") == 2


def test_what_nothing_says_is_asked_for(store, ingest, library):
    file = library / "tom" / "learned_embeds.safetensors"
    with pytest.raises(InvalidInputError, match="which images it was trained on") as error:
        ingest(file, exemplars=())
    assert "--exemplars" in error.value.hint
    with pytest.raises(InvalidInputError, match="which base it was trained on") as error:
        ingest(file, base=None)
    assert "--base" in error.value.hint
    assert store.count("models") == 0


def test_a_plan_is_of_one_base(library):
    (library / "models.jsonl").write_text('{"model": "tom", "base": "a"}\n{"model": "rex", "base": "b"}')
    with pytest.raises(InvalidInputError, match="2 bases, a and b"):
        check_one_base(list_models(Path(library), Said()))
