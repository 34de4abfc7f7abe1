"""The estimate, against sums done by hand."""

from dataclasses import replace

import pytest
from attribase.costs import Scale, estimate_costs, find_card, stated_unit_costs
from attribase.costs.estimate import RANK_SAMPLES, STEP_IMAGES

ROUND = {
    "train_step_flops": 1e12,
    "unet_forward_flops": 1e11,
    "vae_encode_flops": 2e11,
    "vae_decode_flops": 4e11,
    "encoder_flops": 1e10,
    "gpu_share": 0.25,
    "decode": 100.0,
    "hash": 200.0,
    "index_seconds": 500.0,
    "index_bytes": 0.5,
    "code_bytes": 1.0,
    "large_index_seconds": 30.0,
    "assign_seconds": 20.0,
    "recall_seconds": 90.0,
    "recall_row_seconds": 25.0,
    "large_index_bytes": 0.16,
    "row_bytes": 28.0,
    "product_flops": 1e11,
    "write": 1e8,
    "read": 4e8,
    "model_bytes": 4e7,
    "gallery_image_bytes": 5e4,
    "sample_bytes": 4e5,
    "core_price": 0.05,
    "storage_price": 0.02,
}
"""A value for each unit cost that sums are easy with."""


@pytest.fixture
def card():
    return replace(find_card("h100"), half_tflops=400.0, dollars_an_hour=3.0)  # 1e14 a second at a quarter


@pytest.fixture
def costs():
    return stated_unit_costs().with_values(**ROUND)


@pytest.fixture
def scale():
    return Scale(models=100, samples=10_000, gallery=1_000_000, exemplars=10, dim=500, gpus=2, cores=10)


@pytest.fixture
def stages(scale, card, costs):
    return {stage.stage: stage for stage in estimate_costs(scale, card, costs).stages}


def test_every_unit_cost_has_a_value_here():
    assert set(ROUND) == {cost.name for cost in stated_unit_costs()}


def test_customizing_takes_steps_and_encoded_views(stages):
    seconds = 100 * (125 * 1e12 + 32 * 2e11) / 1e14
    assert stages["customize"].gpu_hours == pytest.approx(seconds / 3600)
    assert stages["customize"].wall_hours == pytest.approx(seconds / 3600 / 2)
    assert stages["customize"].bound_by == "GPU"
    assert stages["customize"].storage_gb == pytest.approx(100 * 4e7 / 1e9)
    assert stages["customize"].dollars == pytest.approx(seconds / 3600 * 3.0)


def test_sampling_runs_the_network_twice_a_step(stages):
    seconds = 10_000 * (100 * 1e11 + 4e11) / 1e14
    assert stages["sample"].gpu_hours == pytest.approx(seconds / 3600)


def test_embedding_is_bound_by_decoding_where_cards_are_fast(stages):
    images = 1_000_000 + 1000 + 10_000
    assert stages["embed"].core_hours == pytest.approx(images / 100 / 3600)
    assert stages["embed"].bound_by == "cores"
    assert stages["embed"].wall_hours == pytest.approx(images / 100 / 3600 / 20)
    assert stages["embed"].storage_gb == pytest.approx(images * 2028 / 1e9)


def test_ingesting_is_bound_by_the_network_where_it_is_slow(scale, card, costs):
    slow = costs.with_values(write=1e6)
    images = next(one for one in estimate_costs(scale, card, slow).stages if one.stage == "images")
    size = 1_001_000 * 5e4
    assert images.bound_by == "network"
    assert images.wall_hours == pytest.approx((size / 4e8 + size / 1e6) / 2 / 3600)
    assert images.network_gb == pytest.approx(2 * size / 1e9)


def test_a_stage_without_cards_is_paid_by_the_core(stages):
    index = stages["index"]
    millions = 2 * 1_001_000 * 500 / (1e6 * 512)
    shared, alone = 500.0 * millions, 2 * 90.0 + 25.0 * millions
    assert index.core_hours == pytest.approx((shared + alone) / 3600)
    assert index.gpu_hours == 0
    assert index.wall_hours == pytest.approx((shared / 2 + alone) / 10 / 3600)
    assert index.dollars == pytest.approx(index.wall_hours * 20 * 0.05)


def test_mapped_columns_are_filled_by_all_machines(stages):
    images, seconds = 1_001_000 + 10_000, stages["map"].wall_hours * 3600
    assert stages["map"].bound_by == "network"
    assert seconds == pytest.approx(images * 4 * 500 * (1 / 4e8 + 1 / 1e8) / 2)


def test_a_large_index_has_a_bit_a_number_and_is_measured_by_one_machine(scale, card, costs):
    large = replace(scale, gallery=30_000_000 - 1000, dim=512)
    found = estimate_costs(large, card, costs.with_values(read=1e12, write=1e12))
    index = next(one for one in found.stages if one.stage == "index")
    # 4,096 partitions, twice those that assigning was measured among; a row is compared with their root
    shared, alone = 2 * 30 * (30.0 + 20.0 * 2**0.5), 2 * (90.0 + 30 * 25.0)
    assert index.core_hours == pytest.approx((shared + alone) / 3600)
    assert index.bound_by == "cores"
    assert index.wall_hours == pytest.approx((shared / 2 + alone) / 10 / 3600)
    assert index.storage_gb == pytest.approx(2 * 30e6 * 512 * 0.16 / 1e9)
    assert index.network_gb == pytest.approx((3 * 4 + 0.16) * 2 * 30e6 * 512 / 1e9)
    assert "4,096 partitions of about 7,324 images, 2.46 GB a space" in " ".join(found.layout)


def test_recall_reads_every_vector_on_one_machine(scale, card, costs):
    large = replace(scale, gallery=30_000_000 - 1000, dim=512, cores=1000)
    index = next(one for one in estimate_costs(large, card, costs).stages if one.stage == "index")
    numbers = 2 * 30e6 * 512
    shared = 2 * 4 * numbers / 4e8 + 0.16 * numbers / 1e8
    assert index.bound_by == "network"
    assert index.wall_hours == pytest.approx((shared / 2 + 4 * numbers / 4e8) / 3600)


def test_a_gallery_that_needs_no_index_has_none(scale, card, costs):
    found = estimate_costs(replace(scale, gallery=5000), card, costs)
    index = next(one for one in found.stages if one.stage == "index")
    assert (index.core_hours, index.wall_hours, index.storage_gb, index.dollars) == (0, 0, 0, 0)
    assert found.layout[0].startswith("vectors: 16,000 rows an encoder, one fragment, 0.0324 GB")
    assert found.layout[1] == "index: none; fewer than 100,000 images are all compared"


def test_ranks_read_the_gallery_once_for_each_shard_of_samples(scale, card, costs):
    found = estimate_costs(replace(scale, evaluated=RANK_SAMPLES + 1), card, costs)
    rank = next(one for one in found.stages if one.stage == "eval")
    assert rank.network_gb == pytest.approx(2 * 2 * 1_000_000 * 4 * 500 / 1e9)


def test_no_more_samples_are_ranked_than_there_are(scale, card, costs):
    stages = {one.stage: one for one in estimate_costs(replace(scale, samples=10), card, costs).stages}
    assert stages["eval"].amount.startswith("10 samples among 1,000,000 images")
    assert stages["eval"].core_hours == pytest.approx(2 * 2.0 * 10 * 1e6 * 500 / 1e11 / 3600)
    none = {one.stage: one for one in estimate_costs(replace(scale, samples=0), card, costs).stages}
    assert (none["sample"].wall_hours, none["sample"].bound_by) == (0, "")
    assert (none["eval"].network_gb, none["eval"].bound_by) == (0, "")


def test_the_total_is_the_sum_and_storage_is_paid_by_the_month(scale, card, costs):
    found = estimate_costs(scale, card, costs)
    assert found.total.wall_hours == pytest.approx(sum(one.wall_hours for one in found.stages))
    assert found.storage_month == pytest.approx(found.total.storage_gb * 0.02)


def test_a_row_says_what_kinds_of_values_it_rests_on(scale, card):
    found = estimate_costs(scale, card, stated_unit_costs())
    kinds = {one.stage: one.sources for one in found.stages}
    assert kinds["customize"] == "counted, assumed"
    assert kinds["eval"] == "measured, assumed"


def test_a_step_and_a_pass_are_those_of_the_jobs():
    import inspect

    from attribase.ingest.customize import CustomizeConfig
    from attribase.query import evaluate

    assert CustomizeConfig("base").batch_size == STEP_IMAGES
    assert inspect.signature(evaluate).parameters["shard_size"].default == RANK_SAMPLES
