"""Files of LoRA, of diffusers and in kohya's layout: stock diffusers draws the same with the same file."""

import json

import pytest
import torch
from attribase.store import InvalidInputError
from safetensors.torch import save_file

from .layers import kohya

TRAINED = ("to_k", "to_q", "to_v", "to_out.0")
TEXT = ("q_proj", "v_proj", "fc1")
METADATA = {
    "ss_network_dim": "4",
    "ss_sd_model_name": "v1-5-pruned.safetensors",
    "ss_dataset_dirs": '{"10_sks dog": {"n_repeats": 10, "img_count": 3}}',
    "ss_tag_frequency": "x" * 100_000,
}


@pytest.fixture
def diffusers_file(base, tmp_path):
    """A file with layers of the UNet and the text encoder, as diffusers' own training scripts save it."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from diffusers.training_utils import _collate_lora_metadata
    from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
    from transformers import CLIPTextModel

    def write(stated, **options):
        parts = {
            "unet": (UNet2DConditionModel.from_pretrained(base / "unet"), TRAINED),
            "text_encoder": (CLIPTextModel.from_pretrained(base / "text_encoder"), TEXT),
        }
        noise = torch.Generator().manual_seed(3)
        for part, targets in parts.values():
            inject_adapter_in_model(LoraConfig(target_modules=list(targets), **options), part)
            for name, values in part.named_parameters():
                if ".lora_" in name:
                    values.data = 0.7 * torch.randn(values.shape, generator=noise)
        layers = {f"{name}_lora_layers": get_peft_model_state_dict(part) for name, (part, _) in parts.items()}
        settings = _collate_lora_metadata({name: part for name, (part, _) in parts.items()}) if stated else {}
        StableDiffusionPipeline.save_lora_weights(tmp_path / "out", **layers, **settings)
        return tmp_path / "out" / "pytorch_lora_weights.safetensors"

    return write


@pytest.mark.parametrize(
    ("stated", "options"),
    [(False, {"r": 4, "lora_alpha": 4}), (True, {"r": 2, "lora_alpha": 6, "use_dora": True})],
)
def test_a_file_of_diffusers_draws_what_stock_diffusers_draws(
    store, ingest, same_pixels, diffusers_file, stated, options
):
    path = diffusers_file(stated, **options)
    summary = ingest(path, method="lora", trigger="sks")
    (row,) = store.read("models").to_pylist()
    assert (row["method"], row["modifier_token"], row["concept"]) == ("lora", "sks", "out")
    same_pixels(summary.specs, lambda stock: stock.load_lora_weights(str(path.parent)), "sks")


@pytest.mark.parametrize("ranks", [(4, 4), (2, 4)])
def test_a_file_in_kohyas_layout_draws_what_stock_diffusers_draws(
    store, tmp_path, ingest, stock, same_pixels, ranks
):
    save_file(kohya(stock, ranks=ranks), tmp_path / "dog.safetensors", metadata=METADATA)
    summary = ingest(tmp_path / "dog.safetensors", trigger="sks", category="dog", concept="rex")
    (row,) = store.read("models").to_pylist()
    config = json.loads(row["config"])
    assert (row["concept"], config["word"], config["file"]) == ("rex", "sks", "dog.safetensors")
    assert config["metadata"] == {name: value for name, value in METADATA.items() if len(value) < 1000}
    assert [sample.prompt for sample in summary.specs[0].samples] == [
        "A digital art of V* dog",
        "A poster of V* dog",
    ]
    same_pixels(
        summary.specs,
        lambda stock: stock.load_lora_weights(str(tmp_path), weight_name="dog.safetensors"),
        "sks",
    )


def test_a_file_of_the_first_diffusers_is_of_the_unet(tmp_path, ingest, stock, same_pixels):
    generator = torch.Generator().manual_seed(2)
    state = {}
    for name, module in stock.unet.named_modules():
        if name.endswith(("attn2.to_k", "attn2.to_v")):
            layer, _, projection = name.rpartition(".")
            key = f"{layer}.processor.{projection}_lora"
            state[f"{key}.down.weight"] = torch.randn(4, module.in_features, generator=generator)
            state[f"{key}.up.weight"] = torch.randn(module.out_features, 4, generator=generator)
    torch.save(state, tmp_path / "pytorch_lora_weights.bin")
    summary = ingest(tmp_path / "pytorch_lora_weights.bin", trigger="sks")
    with_part = {f"unet.{name}": value for name, value in state.items()}
    same_pixels(summary.specs, lambda stock: stock.load_lora_weights(with_part), "sks")


def test_the_exported_file_is_read_by_stock_diffusers(store, tmp_path, ingest, stock, same_pixels):
    from attribase.ingest.customize import export_diffusers_layout

    save_file(kohya(stock), tmp_path / "dog.safetensors")
    summary = ingest(tmp_path / "dog.safetensors", trigger="sks")
    name = store.read("models", ["model_id"])["model_id"][0].as_py()
    (file,) = export_diffusers_layout(store, name, tmp_path / "exported")
    same_pixels(summary.specs, lambda stock: stock.load_lora_weights(str(file.parent)), "sks")


def test_without_a_trigger_word_the_error_says_what_kohya_called_the_folder(store, tmp_path, ingest, stock):
    save_file(kohya(stock), tmp_path / "dog.safetensors", metadata=METADATA)
    with pytest.raises(InvalidInputError, match="by which word") as error:
        ingest(tmp_path / "dog.safetensors")
    assert "--trigger WORD" in error.value.hint
    assert "'10_sks dog'" in error.value.hint
    assert store.count("models") == 0


def test_layers_of_another_base_name_tensor_and_base(store, tmp_path, ingest, stock):
    whole = kohya(stock)
    name = next(one for one in whole if "attn2_to_k" in one).partition(".")[0]
    elsewhere = name.replace("attentions_0", "attentions_7")
    two = "lora_te2_text_model_encoder_layers_0_mlp_fc1"
    wrong = {
        r"attn2.to_k.lora_A.weight is \(4, 24\), in .*base the layer is \(8, 16\)": {
            f"{name}.lora_down.weight": torch.zeros(4, 24)
        },
        r"attentions.7.*attn2.to_k, in .*there is no such layer": {
            f"{elsewhere}.lora_down.weight": torch.zeros(4, 16),
            f"{elsewhere}.lora_up.weight": torch.zeros(8, 4),
        },
        r"text_encoder_2": {
            f"{two}.lora_down.weight": torch.zeros(4, 16),
            f"{two}.lora_up.weight": torch.zeros(16, 4),
        },
    }
    for message, changes in wrong.items():
        save_file(whole | changes, tmp_path / "dog.safetensors")
        with pytest.raises(InvalidInputError, match=message) as error:
            ingest(tmp_path / "dog.safetensors", trigger="sks")
        assert "--base" in error.value.hint
    assert (store.count("models"), store.count("images")) == (0, 0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("hada_w1_a", "LoHa"), ("lokr_w1", "LoKr"), ("dora_scale", "DoRA in kohya's layout")],
)
def test_layers_that_diffusers_does_not_load_are_refused(tmp_path, ingest, stock, name, kind):
    layers = kohya(stock)
    key = next(iter(layers)).partition(".")[0]
    save_file({**layers, f"{key}.{name}": torch.zeros(4, 4)}, tmp_path / "dog.safetensors")
    with pytest.raises(InvalidInputError, match=f"layers of {kind}"):
        ingest(tmp_path / "dog.safetensors", trigger="sks")
