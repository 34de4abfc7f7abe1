import re

import pytest
from attribase.ingest.world import model_path
from attribase.ingest.world.build.concepts import CATEGORIES, GALLERY, SEEN, UNSEEN, concepts
from attribase.ingest.world.build.media import MEDIA
from attribase.ingest.world.prompts import (
    SCHEMES,
    TEST_MEDIA,
    TEST_OBJECTS,
    TRAIN_MEDIA,
    TRAIN_OBJECTS,
    prompts,
)
from attribase.store.errors import InvalidInputError

EVERY = [(kind, scheme) for kind, schemes in SCHEMES.items() for scheme in schemes]
HELD_CATEGORIES = sorted(set(SEEN) | set(UNSEEN))


@pytest.mark.parametrize(("kind", "scheme"), EVERY)
def test_test_prompts_are_other_prompts_and_validation_shares_trains(kind, scheme):
    for category in CATEGORIES:
        train = prompts(kind, scheme, category, "train")
        test = prompts(kind, scheme, category, "test")
        assert not set(train) & set(test)
        assert prompts(kind, scheme, category, "val") == train
        assert len(set(train)) == len(train)


def test_every_customized_category_has_16_written_captions_to_train_and_8_others_to_test():
    for category in HELD_CATEGORIES:
        assert len(prompts("object", "gpt", category, "train")) >= 16
        assert len(prompts("object", "gpt", category, "test")) >= 8


def test_every_prompt_holds_the_token_once():
    for kind, scheme in EVERY:
        for category in CATEGORIES:
            for split in ("train", "test"):
                assert all(prompt.count("V*") == 1 for prompt in prompts(kind, scheme, category, split))


def test_media_and_objects_are_among_the_training_images():
    assert set(TRAIN_MEDIA + TEST_MEDIA) <= set(MEDIA)
    drawn = {concept.name for concept in concepts() if concept.hint == "gallery"}
    assert set(TRAIN_OBJECTS + TEST_OBJECTS) <= drawn
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
            for split in ("train", "test"):
                for prompt in prompts(kind, scheme, category, split):
                    text = prompt.replace("V*", "<new1>")
                    words = re.findall(r"<new1>|[a-z]+|[^\sa-z]", text)
                    assert len(tokenizer.tokenize(text)) == len(words), text
                    assert len(tokenizer(text).input_ids) <= tokenizer.model_max_length
