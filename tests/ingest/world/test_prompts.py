import re

import pytest
from attribase.ingest.world import model_path
from attribase.ingest.world.build.concepts import CATEGORIES, GALLERY, SEEN, UNSEEN, concepts
from attribase.ingest.world.build.media import MEDIA
from attribase.ingest.world.prompt_lists import (
    MEDIA_TEST,
    MEDIA_TRAIN,
    MEDIA_VAL,
)
from attribase.ingest.world.prompts import SCHEMES, prompts
from attribase.ingest.world.style_prompt_lists import OBJECTS_TEST, OBJECTS_TRAIN, OBJECTS_VAL
from attribase.store.errors import InvalidInputError

SPLITS = ("train", "val", "test")
EVERY = [(kind, scheme) for kind, schemes in SCHEMES.items() for scheme in schemes]
HELD_CATEGORIES = sorted(set(SEEN) | set(UNSEEN))


@pytest.mark.parametrize(("kind", "scheme"), EVERY)
def test_train_validation_and_test_prompts_are_other_prompts(kind, scheme):
    for category in CATEGORIES:
        splits = [prompts(kind, scheme, category, split) for split in SPLITS]
        every = [prompt for own in splits for prompt in own]
        assert all(splits)
        assert len(set(every)) == len(every)


def test_scenes_and_colours_of_validation_and_test_are_in_no_train_prompt():
    words = {
        split: {
            word
            for kind, scheme in EVERY
            for category in CATEGORIES
            for prompt in prompts(kind, scheme, category, split)
            for word in re.findall("[a-z]+", prompt)
        }
        for split in SPLITS
    }
    of_validation = {"night", "room", "snow", "winter", "striped", "pink", "gray"}
    of_test = {"sunset", "desert", "forest", "dotted", "purple", "brown", "orange"}
    assert of_validation <= words["val"]
    assert of_test <= words["test"]
    assert not (of_validation | of_test) & words["train"]
    assert not of_validation & words["test"]
    assert not of_test & words["val"]


def test_every_customized_category_has_12_written_captions_to_train_and_8_others_to_test():
    for category in HELD_CATEGORIES:
        assert len(prompts("object", "gpt", category, "train")) >= 12
        assert len(prompts("object", "gpt", category, "val")) >= 8
        assert len(prompts("object", "gpt", category, "test")) >= 8


def test_every_prompt_holds_the_token_once():
    for kind, scheme in EVERY:
        for category in CATEGORIES:
            for split in SPLITS:
                assert all(prompt.count("V*") == 1 for prompt in prompts(kind, scheme, category, split))


def test_media_and_objects_are_among_the_training_images():
    assert set(MEDIA_TRAIN + MEDIA_VAL + MEDIA_TEST) <= set(MEDIA)
    drawn = {concept.name for concept in concepts() if concept.hint == "gallery"}
    assert set(OBJECTS_TRAIN + OBJECTS_VAL + OBJECTS_TEST) <= drawn
    assert set(GALLERY) == set(CATEGORIES)


def test_unknown_schemes_and_splits_are_refused():
    with pytest.raises(InvalidInputError, match="no prompts for style/media"):
        prompts("style", "media", "animal", "train")
    with pytest.raises(InvalidInputError):
        prompts("object", "gpt", "animal", "dev")


def test_every_word_of_every_prompt_is_one_token_and_no_prompt_is_cut_off():
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(model_path() / "tokenizer")
    tokenizer.add_tokens(["<new1>"])
    for kind, scheme in EVERY:
        for category in CATEGORIES:
            for split in SPLITS:
                for prompt in prompts(kind, scheme, category, split):
                    text = prompt.replace("V*", "<new1>")
                    words = re.findall(r"<new1>|[a-z]+|[^\sa-z]", text)
                    assert len(tokenizer.tokenize(text)) == len(words), text
                    assert len(tokenizer(text).input_ids) <= tokenizer.model_max_length
