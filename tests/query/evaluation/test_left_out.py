"""What an evaluation says that it leaves out for want of a vector."""

import pytest
from attribase.query import connect, count_left_out, evaluate
from attribase.store import NotFoundError


@pytest.fixture
def partial(small):
    """Two samples of m2, all of m9 and two gallery images have no vector; m8 has no exemplars."""
    rows = [{"sample_id": f"m2-new{i}", "model_id": "m2", "scheme": "gpt"} for i in range(2)]
    rows += [{"sample_id": f"m9-s{i}", "model_id": "m9", "scheme": "gpt"} for i in range(3)]
    rows += [{"sample_id": "m8-s0", "model_id": "m8", "scheme": "gpt"}]
    small.store.upsert("samples", rows)
    shared = {"method": "custom-diffusion", "case_name": "other", "split": "test"}
    small.store.upsert(
        "models",
        [
            {"model_id": "m9", "exemplar_ids": ["e09"], **shared},
            {"model_id": "m8", "exemplar_ids": [], **shared},
        ],
    )
    small.embed(["m8-s0"], "sample")
    small.store.upsert("members", [{"collection": "gallery", "image_id": f"lost{i}"} for i in range(2)])
    return small


def test_nothing_is_left_out_where_everything_has_a_vector(small):
    assert [list(one.notes()) for one in count_left_out(small.store)] == [[]] * 4


def test_samples_models_and_gallery_images_without_vectors_are_counted(partial):
    by_part = {(one.case_name, one.split): one for one in count_left_out(partial.store)}
    assert set(by_part) == {("case", "test"), ("case", "control"), ("other", "test"), ("other", "val")}
    other = by_part["other", "test"]
    assert (other.samples, other.samples_without_vector, other.samples_without_exemplars) == (13, 5, 1)
    assert (other.models, other.models_left_out) == (4, 2)
    assert (other.gallery, other.gallery_without_vector) == (202, 2)
    assert list(other.notes()) == [
        "enc, other test: 5 of 13 samples have no vector",
        "enc, other test: 1 of 13 samples have no exemplars",
        "enc, other test: 2 of 4 models have no sample left",
        "enc: 2 of 202 gallery images have no vector, and ranks are among the others",
    ]
    assert by_part["case", "test"].samples_without_vector == 0


def test_the_counts_are_those_of_the_ranked_samples(partial):
    list(evaluate(partial.store, case="other"))
    ((ranked,),) = (
        connect(partial.store.uri).sql("select sum(samples) from metrics where split = 'test'").fetchall()
    )
    (other,) = [one for one in count_left_out(partial.store, case="other") if one.split == "test"]
    assert ranked == other.samples - other.samples_without_vector - other.samples_without_exemplars


def test_an_unknown_encoder_or_case_is_an_error(small):
    with pytest.raises(NotFoundError):
        count_left_out(small.store, "no")
    with pytest.raises(NotFoundError):
        count_left_out(small.store, case="no")
