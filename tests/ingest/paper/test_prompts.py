"""Prompts of the paper's models: as many as it has, and none of train and of test."""

import json
from collections import Counter

import pytest
from attribase.ingest.paper.prompts import (
    KINDS_OF_THINGS,
    OTHER,
    PromptRow,
    Prompts,
    kind_of_thing,
    own_prompts,
    read_prompts,
    write_prompts,
)
from attribase.store import InvalidInputError


def test_ours_are_as_many_as_the_papers():
    found = Counter((row.scheme, row.category, row.split) for row in own_prompts().rows)
    expected = {("media", "", "train"): 40, ("media", "", "test"): 10}
    expected |= {("gpt", "style", "train"): 40, ("gpt", "style", "test"): 10}
    expected |= {("object", "style", "train"): 30, ("object", "style", "test"): 10}
    for kind in (*KINDS_OF_THINGS, OTHER):
        expected |= {("gpt", kind, "train"): 15, ("gpt", kind, "test"): 10}
    assert found == expected


def test_media_and_objects_of_test_are_others_than_those_of_train():
    for scheme in ("media", "object"):
        named = {"train": [], "test": []}
        for row in own_prompts().rows:
            if row.scheme == scheme:
                words = row.prompt.removeprefix("A picture of ").replace(" in the style of", " of")
                named[row.split].append(words.rpartition(" of ")[0].lower())
        assert not set(named["train"]) & set(named["test"])
        assert all(named["test"])


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("dog", "animal"),
        ("wild cat", "animal"),
        ("marine mammals", "animal"),
        ("boat", "vehicle"),
        ("Building", "building"),
        ("fruit", "food"),
        ("flower", "plant"),
        ("sports equipment", "thing"),
    ],
)
def test_a_category_has_the_captions_of_its_kind_of_thing(category, kind):
    assert kind_of_thing(category) == kind
    found = own_prompts().of("object", category, "test")
    expected = [row.prompt for row in own_prompts().rows if (row.category, row.split) == (kind, "test")]
    assert found["gpt"] == expected
    assert len(found["media"]) == 10
    assert not set(found["gpt"]) & set(own_prompts().of("object", category, "val")["gpt"])


def test_captions_of_the_category_itself_come_first():
    rows = (
        *own_prompts().rows,
        PromptRow("train", "gpt", "dog", "{concept} fetching a ball"),
        PromptRow("test", "gpt", "dog", "{concept} at a dog show"),
    )
    assert Prompts(rows).of("object", "dog", "test")["gpt"] == ["{concept} at a dog show"]
    assert Prompts(rows).of("object", "dog", "val")["gpt"] == ["{concept} fetching a ball"]


def test_an_edited_table_reads_back_and_one_that_nobody_read_does_not(tmp_path):
    rows = own_prompts().rows
    write_prompts(tmp_path / "a.csv", rows)
    assert read_prompts(tmp_path / "a.csv") == own_prompts()
    write_prompts(tmp_path / "a.csv", (*rows, PromptRow("train", "gpt", "dog", "{concept} asleep", "no")))
    with pytest.raises(InvalidInputError, match=r"a\.csv, line 292: .* has not been reviewed, one of 1"):
        read_prompts(tmp_path / "a.csv")


def test_a_folder_of_prompt_files_is_read_by_its_names(tmp_path):
    for side, name, text in (
        ("train", "gpt/dog.txt", "a photo of <new1>\nV* in the snow\n\n"),
        ("test", "gpt/dog.txt", "{} on a boat"),
        ("train", "media.txt", "oil painting\nwatercolor"),
        ("test", "media.json", json.dumps(["a tattoo"])),
        ("train", "object_prompts.txt", "house"),
        ("test", "object_prompts.txt", "an island"),
        ("train", "gpt_style.txt", "A boat in the style of {concept}"),
        ("test", "gpt_style.txt", "A man in the style of {concept}"),
    ):
        path = tmp_path / side / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    prompts = read_prompts(tmp_path)
    assert prompts.of("object", "dog", "train") == {
        "gpt": ["a photo of {concept}", "{concept} in the snow"],
        "media": ["An oil painting of {concept}", "A watercolor of {concept}"],
    }
    assert prompts.of("object", "dog", "test") == {
        "gpt": ["{concept} on a boat"],
        "media": ["A tattoo of {concept}"],
    }
    assert prompts.of("style", "style", "test") == {
        "gpt": ["A man in the style of {concept}"],
        "object": ["A picture of an island in the style of {concept}"],
    }
    with pytest.raises(InvalidInputError, match="no test prompts of the scheme gpt for 'cat'"):
        prompts.of("object", "cat", "test")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (PromptRow("test", "gpt", "cat", "a  PHOTO of {concept}"), "is of train and of test models"),
        (PromptRow("test", "gpt", "cat", "a photo"), "does not have one {concept}"),
        (PromptRow("test", "gpt", "cat", "{concept} and {concept}"), "does not have one {concept}"),
        (PromptRow("dev", "gpt", "cat", "one {concept}"), "has the split 'dev'"),
        (PromptRow("test", "poem", "cat", "one {concept}"), "the scheme 'poem'"),
    ],
)
def test_prompts_of_train_and_test_never_meet(row, says):
    with pytest.raises(InvalidInputError, match=says):
        Prompts((PromptRow("train", "gpt", "dog", "A photo of {concept}"), row))
