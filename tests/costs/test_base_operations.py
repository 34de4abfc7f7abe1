"""The operations of a base generator, against what its parts are counted to take."""

import json

import pytest
import torch
from attribase.costs import find_card
from attribase.costs.base_operations import measure_base
from attribase.ingest.world import model_path
from attribase.store import InvalidInputError
from torch.utils.flop_counter import FlopCounterMode


@pytest.fixture(scope="module")
def counted():
    return {cost.name: cost for cost in measure_base("world", 0.1)}


def test_samples_are_counted_as_the_network_alone_is(counted):
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(model_path() / "unet").float()
    side, width = unet.config.sample_size, unet.config.cross_attention_dim
    lengths = json.loads((model_path() / "text_encoder" / "config.json").read_text())
    text = torch.zeros(1, lengths["max_position_embeddings"], width)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        unet(torch.zeros(1, unet.config.in_channels, side, side), 0, text)
    assert counted["unet_forward_flops"].value == pytest.approx(counter.get_total_flops())


def test_a_step_takes_several_times_a_pass_of_its_images(counted):
    per_image = counted["train_step_flops"].value / 4
    forward = counted["unet_forward_flops"].value
    assert 2 * forward < per_image < 6 * forward


def test_counts_say_which_base_they_are_of(counted):
    assert {cost.source for cost in counted.values()} == {"counted: base world"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_card_without_a_gpu_is_an_error():
    with pytest.raises(InvalidInputError, match="no GPU here"):
        list(measure_base("world", 0.1, find_card("h100")))
