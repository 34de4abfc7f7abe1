"""Which models a file, a folder or a table holds, and the options of each."""

import json
from pathlib import Path

import pytest
from attribase.ingest.model_files import Said, list_models
from attribase.store import InvalidInputError, NotFoundError


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def found(source, **said):
    """(path below the source, concept, folders of exemplars below it) of each model."""
    root = Path(source) if Path(source).is_dir() else Path(source).parent
    return [
        (
            entry.path.relative_to(root).as_posix(),
            entry.concept,
            [Path(one).relative_to(root).as_posix() for one in entry.said.exemplars],
        )
        for entry in list_models(Path(source), Said(**said))
    ]


def test_a_folder_has_a_model_a_subfolder_with_its_exemplars(tmp_path):
    write(
        tmp_path,
        "cat-toy/learned_embeds.bin",
        "cat-toy/token_identifier.txt",
        "cat-toy/concept_images/0.jpeg",
    )
    write(
        tmp_path,
        "rex/pytorch_lora_weights.safetensors",
        "rex/checkpoint-500/optimizer.bin",
        "rex/train/a.png",
    )
    write(tmp_path, "tom/pytorch_custom_diffusion_weights.bin", "tom/<new1>.bin", "tom/exemplars/b.png")
    write(tmp_path, "notes/readme.txt", ".git/x.bin", "checkpoint-1/model.safetensors")
    (tmp_path / "cat-toy" / "type_of_concept.txt").write_text("style\n")
    assert found(tmp_path) == [
        ("cat-toy/learned_embeds.bin", "cat-toy", ["cat-toy/concept_images"]),
        ("rex/pytorch_lora_weights.safetensors", "rex", ["rex/train"]),
        ("tom/pytorch_custom_diffusion_weights.bin", "tom", ["tom/exemplars"]),
    ]
    kinds = [entry.said.kind for entry in list_models(tmp_path, Said(base="sd15"))]
    assert kinds == ["style", None, None]
    assert list_models(tmp_path, Said(base="sd15", kind="object"))[0].said.kind == "object"


def test_what_a_script_drew_is_not_taken_for_exemplars(tmp_path):
    write(tmp_path, "rex.safetensors", "image_0.png", "samples/1.png", "validation/2.png")
    assert found(tmp_path) == [("rex.safetensors", "rex", [])]


def test_the_option_names_a_subfolder_or_a_folder_with_one_a_model(tmp_path):
    write(tmp_path, "loras/rex/a.safetensors", "loras/rex/photos/1.png", "loras/tom/b.safetensors")
    write(tmp_path, "sets/tom/2.png", "sets/rex/3.png")
    (tmp_path / "loras" / "tom" / "photos").mkdir()
    assert [one for _, _, one in found(tmp_path / "loras", exemplars=("photos",))] == [
        ["rex/photos"],
        ["tom/photos"],
    ]
    entries = list_models(tmp_path / "loras", Said((str(tmp_path / "sets"),)))
    assert [entry.said.exemplars for entry in entries] == [
        (str(tmp_path / "sets" / "rex"),),
        (str(tmp_path / "sets" / "tom"),),
    ]


def test_the_last_file_of_a_script_counts_and_safetensors_before_pickles(tmp_path):
    write(
        tmp_path, "learned_embeds-steps-500.safetensors", "learned_embeds.bin", "learned_embeds.safetensors"
    )
    assert [path for path, _, _ in found(tmp_path)] == ["learned_embeds.safetensors"]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_table_says_of_each_model_what_it_knows(tmp_path, ending):
    write(tmp_path, "a.safetensors", "b/delta.bin", "photos/1.png", "sd21/model_index.json")
    rows = [
        {
            "model": "a.safetensors",
            "exemplars": "photos",
            "trigger": "sks",
            "Category": "dog",
            "split": "train",
        },
        {"model": "b", "exemplars": "x.png;y.png", "base": "sd21", "concept": "tom", "case": "pets"},
    ]
    names = sorted({name for row in rows for name in row})
    lines = [json.dumps(row) for row in rows]
    if ending == "csv":
        lines = [",".join(names)] + [",".join(row.get(name, "") for name in names) for row in rows]
    (tmp_path / f"models.{ending}").write_text("\n".join(lines))
    given = Said(base="sd15", split="val")
    first, second = list_models(tmp_path, given)
    assert first.said == Said(
        (str(tmp_path / "photos"),), base="sd15", category="dog", trigger="sks", split="train"
    )
    assert (second.path, second.concept) == (tmp_path / "b" / "delta.bin", "tom")
    assert second.said.exemplars == ("x.png", "y.png")
    assert (second.said.base, second.said.split) == (str(tmp_path / "sd21"), "val")
    assert [entry.said for entry in list_models(tmp_path / f"models.{ending}", given)] == [
        first.said,
        second.said,
    ]


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        ({"trigger": "sks"}, InvalidInputError, "row 1 names no file"),
        ({"model": "gone.safetensors"}, NotFoundError, "there is no model gone.safetensors"),
        ({"model": "a.bin", "split": "testing"}, InvalidInputError, "row 1: split is 'testing'"),
        ({"model": "a.bin", "kind": "set"}, InvalidInputError, "row 1: kind is 'set'"),
        ({"model": "a.bin", "method": "magic"}, InvalidInputError, "row 1: method is 'magic'"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path, row, error, message):
    write(tmp_path, "a.bin")
    (tmp_path / "loras.jsonl").write_text(json.dumps(row))
    with pytest.raises(error, match=message) as raised:
        list_models(tmp_path / "loras.jsonl", Said())
    assert raised.value.hint


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.safetensors", "b.safetensors"), "holds 2 files of models: a.safetensors, b.safetensors"),
        (("model_index.json", "unet/a.safetensors"), "a whole pipeline"),
        (("readme.txt",), "holds no file of a model"),
        (("a.bin", "train/1.png", "exemplars/2.png"), "several folders of exemplars: exemplars, train"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(tmp_path, names, message):
    write(tmp_path, *names)
    with pytest.raises(InvalidInputError, match=message) as error:
        list_models(tmp_path, Said())
    assert error.value.hint


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(NotFoundError, match="there is no"):
        list_models(tmp_path / "cat.safetensors", Said())
