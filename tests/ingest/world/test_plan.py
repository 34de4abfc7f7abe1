from collections import Counter, defaultdict

import pyarrow.parquet as pq
import pytest
from attribase.ingest.world import images_path
from attribase.ingest.world.plan import plan_world
from attribase.ingest.world.prompts import SCHEMES
from attribase.store.errors import InvalidInputError
from attribase.store.ids import content_id


@pytest.fixture(scope="module")
def images():
    return {content_id(row["image"]): row for row in pq.read_table(images_path()).to_pylist()}


@pytest.fixture(scope="module")
def default_plan():
    return plan_world()


def test_the_default_plan_has_32_models_to_validate_on_and_17_test_models_a_case(default_plan):
    counts = Counter((model.case_name, model.split) for model in default_plan)
    assert {case: n for (case, split), n in counts.items() if split == "test"} == {
        "object_seen": 17,
        "object_unseen": 17,
        "style_seen": 17,
        "style_unseen": 17,
    }
    splits = Counter(model.split for model in default_plan)
    assert splits == {"train": 68, "val": 32, "test": 68}


def test_the_same_seed_gives_the_same_plan_and_another_seed_another(default_plan):
    assert plan_world() == default_plan
    assert plan_world(seed=1) != default_plan


def test_no_exemplar_is_in_two_models_and_none_is_in_the_gallery(default_plan, images):
    used = [exemplar for model in default_plan for exemplar in model.exemplar_ids]
    assert len(used) == len(set(used))
    assert {images[exemplar]["role"] for exemplar in used} == {"object", "style"}


def test_unseen_cases_share_neither_concept_nor_set_with_any_other_model(default_plan, images):
    concepts, sets = defaultdict(set), defaultdict(set)
    for model in default_plan:
        unseen = model.case_name.endswith("unseen")
        concepts[model.concept_kind, unseen].add(model.concept)
        sets[model.concept_kind, unseen] |= {images[exemplar]["set"] for exemplar in model.exemplar_ids}
    assert not concepts["object", True] & concepts["object", False]
    assert not concepts["style", True] & concepts["style", False]
    assert not sets["style", True] & sets["style", False]


def test_objects_have_one_exemplar_and_styles_five_to_ten_of_one_set(default_plan, images):
    for model in default_plan:
        sizes = (1, 1) if model.concept_kind == "object" else (5, 10)
        assert sizes[0] <= len(model.exemplar_ids) <= sizes[1]
        assert len({images[exemplar]["set"] for exemplar in model.exemplar_ids}) == 1


def test_every_exemplar_has_a_training_prompt_that_names_it_and_the_token(default_plan, images):
    for model in default_plan:
        named = model.training_prompts[: len(model.exemplar_ids)]
        for prompt, exemplar in zip(named, model.exemplar_ids, strict=True):
            assert prompt.count("V*") == 1
            assert images[exemplar]["category" if model.concept_kind == "object" else "name"] in prompt
        assert len(set(named)) == 1 or model.concept_kind == "style"


def test_exemplars_of_a_style_have_a_second_training_prompt_that_names_only_the_style(default_plan):
    for model in default_plan:
        others = model.training_prompts[len(model.exemplar_ids) :]
        if model.concept_kind == "object":
            assert others == ()
        else:
            assert others == ("a picture in the style of V* art",) * len(model.exemplar_ids)


@pytest.mark.parametrize("samples", [1, 8, 30])
def test_every_model_has_as_many_samples_as_asked_for_of_each_scheme_of_its_kind(samples):
    for model in plan_world(models=24, samples=samples):
        drawn = Counter(sample.scheme for sample in model.samples)
        assert drawn == dict.fromkeys(SCHEMES[model.concept_kind], samples)


def test_train_validation_and_test_models_are_sampled_with_other_prompts(default_plan):
    said = defaultdict(set)
    for model in default_plan:
        assert len(model.samples) == {"object": 24, "style": 16}[model.concept_kind]
        said[model.split] |= {sample.prompt for sample in model.samples}
    assert sorted(said) == ["test", "train", "val"]
    assert len(said["train"] | said["val"] | said["test"]) == sum(len(own) for own in said.values())


@pytest.mark.parametrize("models", [12, 24, 60])
def test_a_smaller_plan_still_has_every_case_and_split(models):
    planned = plan_world(models=models, samples=1)
    assert len(planned) == models
    assert len({model.case_name for model in planned if model.split == "test"}) == 4
    assert {model.split for model in planned} == {"train", "val", "test"}


@pytest.mark.parametrize(("models", "samples"), [(4, 8), (2000, 8), (24, 0)])
def test_an_impossible_plan_says_what_to_ask_for(models, samples):
    with pytest.raises(InvalidInputError) as error:
        plan_world(models=models, samples=samples)
    assert error.value.hint


def test_excluded_images_are_no_exemplars_of_a_further_plan(default_plan):
    used = {image for model in default_plan for image in model.exemplar_ids}
    further = plan_world(models=80, samples=2, seed=1, exclude=used)
    drawn = {image for model in further for image in model.exemplar_ids}
    assert drawn
    assert not drawn & used
    assert {model.case_name for model in further if model.split == "test"} == {
        model.case_name for model in default_plan if model.split == "test"
    }
