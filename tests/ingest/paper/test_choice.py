"""File lists of the right shape give as many models as Table 1 has."""

from collections import Counter

import pytest
from attribase.ingest.paper.choice import Category, choose_objects, choose_styles
from attribase.ingest.paper.folders import by_class, by_folder
from attribase.store import InvalidInputError

CATEGORIES = 55


@pytest.fixture(scope="module")
def imagenet():
    """Validation pictures of 693 classes in 55 categories, 50 each, and of classes without a category."""
    classes = {f"n{i:08}": Category(f"kind {i % CATEGORIES}") for i in range(693)}
    paths = [f"val/n{i:08}/ILSVRC2012_val_{i * 50 + j:08}.JPEG" for i in range(720) for j in range(50)]
    return paths, classes


def counts(choices):
    return Counter((choice.case, choice.split) for choice in choices)


def test_imagenet_has_the_models_of_table_1(imagenet, tmp_path):
    paths, categories = imagenet
    choices = choose_objects(by_class(tmp_path, paths), categories)
    assert counts(choices) == {
        ("observed_imagenet", "train"): 4744,
        ("observed_imagenet", "val"): 593,
        ("observed_imagenet", "test"): 593,
        ("unobserved_imagenet", "test"): 1000,
    }
    assert len({choice.files for choice in choices}) == len(choices)
    assert {len(choice.files) for choice in choices} == {1}
    assert all(choice.concept in choice.files[0] for choice in choices)
    assert {choice.category for choice in choices} == {one.name for one in categories.values()}
    seen, unseen = (
        {choice.concept for choice in choices if choice.case == case}
        for case in ("observed_imagenet", "unobserved_imagenet")
    )
    assert (len(seen), len(unseen), seen & unseen) == (593, 100, set())
    assert seen | unseen == set(categories)


def test_the_same_seed_gives_the_same_choice_and_classes_may_be_named_as_unseen(imagenet, tmp_path):
    paths, categories = imagenet
    classes = by_class(tmp_path, paths)
    assert choose_objects(classes, categories, scale=0.1) == choose_objects(classes, categories, scale=0.1)
    assert choose_objects(classes, categories, scale=0.1) != choose_objects(
        classes, categories, scale=0.1, seed=1
    )
    named = {name: Category(one.name, seen=int(name[1:]) >= 100) for name, one in categories.items()}
    unseen = {
        choice.concept for choice in choose_objects(classes, named) if choice.case == "unobserved_imagenet"
    }
    assert unseen == {f"n{i:08}" for i in range(100)}


def test_bam_fg_and_artchive_have_the_models_of_table_1():
    groups = [f"bamfg/{i}_0/{i}_{j}.jpg" for i in range(11_200) for j in range(4 + i % 9)]
    choices = choose_styles("bamfg", by_folder(groups))
    assert counts(choices) == {("bamfg", "train"): 10_607, ("bamfg", "val"): 250, ("bamfg", "test"): 250}
    assert len({choice.concept for choice in choices}) == len(choices)
    for choice in choices[::500]:
        number = int(choice.concept.partition("_")[0])
        assert len(choice.files) == 4 + number % 9
        assert all(f"/{choice.concept}/" in file for file in choice.files)
    artists = [f"artchive/artist {i}/{j}.jpg" for i in range(255) for j in range(1 + i % 30)]
    choices = choose_styles("artchive", by_folder(artists))
    assert counts(choices) == {("artchive", "test"): 255}
    assert sum(len(choice.files) for choice in choices) == len(artists)


def test_a_share_of_the_table_is_a_share_of_every_split(imagenet, tmp_path):
    paths, categories = imagenet
    assert counts(choose_objects(by_class(tmp_path, paths), categories, scale=0.01)) == {
        ("observed_imagenet", "train"): 48,
        ("observed_imagenet", "val"): 6,
        ("observed_imagenet", "test"): 6,
        ("unobserved_imagenet", "test"): 10,
    }
    few = by_folder(f"{i}/{j}.jpg" for i in range(20) for j in range(3))
    assert counts(choose_styles("bamfg", few, scale=0.001)) == {
        ("bamfg", "train"): 11,
        ("bamfg", "val"): 1,
        ("bamfg", "test"): 1,
    }


def test_too_few_classes_or_groups_are_an_error_with_the_way_out(imagenet, tmp_path):
    paths, categories = imagenet
    classes = by_class(tmp_path, paths[:5000])
    with pytest.raises(
        InvalidInputError, match=r"there are 100 classes .* takes 593 seen and 100 un"
    ) as raised:
        choose_objects(classes, categories)
    assert "--scale" in raised.value.hint
    with pytest.raises(InvalidInputError, match="bamfg has 1 groups of pictures here, Table 1 takes 11107"):
        choose_styles("bamfg", {"a": ["a/1.jpg"]})
