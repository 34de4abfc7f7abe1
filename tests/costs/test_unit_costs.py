"""Unit costs: stated values against what torch counts on the architectures, and the file of measured ones."""

import json

import pytest
import torch
from attribase.costs import UnitCost, UnitCosts, read_unit_costs, stated_unit_costs
from attribase.store import InvalidInputError
from torch.utils.flop_counter import FlopCounterMode


def operations(work):
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


@pytest.fixture(scope="module")
def stated():
    return stated_unit_costs()


@pytest.mark.slow
def test_stated_operations_of_the_unet_are_those_that_torch_counts(stated):
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768).requires_grad_(False)
        latents, time, text = torch.empty(1, 4, 64, 64), torch.empty(1), torch.empty(1, 77, 768)
        forward = operations(lambda: unet(latents, time, text))
        for name, parameter in unet.named_parameters():
            parameter.requires_grad_("attn2.to_k" in name or "attn2.to_v" in name)
        trained = sum(one.numel() for one in unet.parameters() if one.requires_grad)
        step = operations(lambda: unet(latents, time, text).sample.sum().backward())
    assert stated["unet_forward_flops"] == pytest.approx(forward, rel=1e-3)
    assert stated["train_step_flops"] == pytest.approx(4 * step, rel=1e-3)
    assert stated["model_bytes"] == pytest.approx(2 * trained, rel=0.01)


def test_stated_operations_of_the_vae_are_those_that_torch_counts(stated):
    from diffusers import AutoencoderKL

    blocks = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4}
    kinds = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    with torch.device("meta"), torch.no_grad():
        vae = AutoencoderKL(**blocks, **kinds)
        encoding = operations(lambda: vae.encode(torch.empty(1, 3, 512, 512)))
        decoding = operations(lambda: vae.decode(torch.empty(1, 4, 64, 64)))
    assert stated["vae_encode_flops"] == pytest.approx(encoding, rel=1e-3)
    assert stated["vae_decode_flops"] == pytest.approx(decoding, rel=1e-3)


def test_stated_operations_of_an_encoder_are_those_that_torch_counts(stated):
    import timm

    with torch.device("meta"), torch.no_grad():
        vit = timm.create_model("vit_base_patch16_224")
        counted = operations(lambda: vit(torch.empty(1, 3, 224, 224)))
    assert stated["encoder_flops"] == pytest.approx(counted, rel=1e-3)


def test_every_stated_cost_says_where_it_is_from(stated):
    assert {cost.kind for cost in stated} == {"measured", "counted", "assumed"}
    assert all(cost.value > 0 and cost.unit for cost in stated)


def test_measured_costs_are_written_and_read_back(tmp_path, stated):
    decode = UnitCost("decode", 31.5, stated.costs["decode"].unit, "measured: here")
    UnitCosts({"decode": decode}, "2 cores").write(tmp_path / "costs.json")
    found = read_unit_costs(tmp_path / "costs.json")
    assert (found.costs, found.machine) == ({"decode": decode}, "2 cores")
    both = stated.updated(found)
    assert both["decode"] == 31.5
    assert both["hash"] == stated["hash"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not JSON", "is no file of unit costs"),
        ("[1]", "is no file of unit costs"),
        ('{"machine": "m"}', "is no file of unit costs"),
        (json.dumps({"machine": "m", "costs": {"x": {"value": 1, "unit": "", "from": "measured"}}}), "'x'"),
        (json.dumps({"machine": "m", "costs": {"hash": {"value": 0, "unit": "", "from": "y"}}}), "hash is 0"),
    ],
)
def test_a_file_that_holds_no_unit_costs_is_an_error(tmp_path, text, problem):
    (tmp_path / "costs.json").write_text(text)
    with pytest.raises(InvalidInputError, match=problem) as error:
        read_unit_costs(tmp_path / "costs.json")
    assert "attribase bench --save" in error.value.hint


def test_a_value_of_the_user_takes_the_place_of_an_assumption(stated):
    given = stated.with_values(gpu_share=0.5, storage_price=None)
    assert (given["gpu_share"], given.costs["gpu_share"].kind) == (0.5, "given")
    assert given["storage_price"] == stated["storage_price"]
    with pytest.raises(InvalidInputError, match="storage_price is -1"):
        stated.with_values(storage_price=-1)
