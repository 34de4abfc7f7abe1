"""Custom Diffusion as its authors' code and diffusers' example write it."""

import pytest
import torch
from attribase.store import InvalidInputError, NotFoundError
from safetensors.torch import save_file


@pytest.fixture
def trained(stock):
    """K and V of the base with noise, by the UNet's names."""
    noise = torch.Generator().manual_seed(5)
    return {
        name: value.detach() + 0.3 * torch.randn(value.shape, generator=noise)
        for name, value in stock.unet.named_parameters()
        if "attn2.to_k" in name or "attn2.to_v" in name
    }


@pytest.fixture
def token():
    return torch.randn(16, generator=torch.Generator().manual_seed(6))


def load_weights(stock, trained, token, name="<new1>"):
    """Put a model into stock diffusers as the authors' `load_model` does: by the parameters' names."""
    with torch.no_grad():
        for key, value in trained.items():
            stock.unet.get_parameter(key).copy_(value)
    stock.load_textual_inversion({name: token})


def as_diffusers(trained):
    state = {
        key.replace("to_", "processor.to_").replace(".weight", "_custom_diffusion.weight"): value
        for key, value in trained.items()
    }
    layers = {key.split(".attn2.")[0] for key in trained}
    return state | {f"{layer}.attn1.processor": {} for layer in layers}


def test_the_authors_file_draws_what_they_draw(store, tmp_path, ingest, same_pixels, trained, token):
    torch.save({"unet": trained, "modifier_token": {"<new1>": token}}, tmp_path / "delta.bin")
    summary = ingest(tmp_path / "delta.bin", method="custom-diffusion")
    (row,) = store.read("models").to_pylist()
    assert (row["method"], row["modifier_token"]) == ("custom-diffusion", "<new1>")
    assert row["concept"] == tmp_path.name
    same_pixels(summary.specs, lambda stock: load_weights(stock, trained, token), "<new1>")


def test_a_compressed_file_is_the_base_plus_its_products(
    tmp_path, ingest, same_pixels, stock, trained, token
):
    factors, whole = {}, {}
    for name in trained:
        base = stock.unet.get_parameter(name).detach()
        noise = torch.Generator().manual_seed(len(name))
        up, down = torch.randn(len(base), 2, generator=noise), torch.randn(2, base.shape[1], generator=noise)
        factors[name] = {"u": 0.3 * up, "v": down}
        whole[name] = base + 0.3 * up @ down
    torch.save({"unet": factors, "modifier_token": {"<new1>": token}}, tmp_path / "delta.bin")
    summary = ingest(tmp_path / "delta.bin")
    same_pixels(summary.specs, lambda stock: load_weights(stock, whole, token), "<new1>")


@pytest.mark.parametrize(
    "name", ["pytorch_custom_diffusion_weights.bin", "pytorch_custom_diffusion_weights.safetensors"]
)
def test_the_layout_of_diffusers_draws_what_load_attn_procs_draws(
    tmp_path, ingest, same_pixels, trained, token, name
):
    folder = tmp_path / "tom"
    folder.mkdir()
    state = as_diffusers(trained)
    if name.endswith(".bin"):
        torch.save(state, folder / name)
    else:
        save_file(
            {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}, folder / name
        )
    torch.save({"<new1>": token}, folder / "<new1>.bin")
    summary = ingest(folder)
    assert [spec.concept for spec in summary.specs] == ["tom"]

    def load(stock):
        torch.save(state, tmp_path / "for_diffusers.bin")
        file = {"weight_name": "for_diffusers.bin", "use_safetensors": False}
        stock.unet.load_attn_procs(str(tmp_path), **file, _pipeline=stock)  # without it 0.42 sets none
        stock.load_textual_inversion(str(folder), weight_name="<new1>.bin")

    same_pixels(summary.specs, load, "<new1>")


def test_of_several_tokens_one_has_to_be_chosen(store, tmp_path, ingest, trained, token):
    tokens = {"<new1>": token, "<new2>": -token}
    torch.save({"unet": trained, "modifier_token": tokens}, tmp_path / "delta.bin")
    with pytest.raises(InvalidInputError, match="tokens <new1>, <new2>: one is needed"):
        ingest(tmp_path / "delta.bin")
    ingest(tmp_path / "delta.bin", trigger="<new2>")
    assert store.read("models", ["modifier_token"])["modifier_token"].to_pylist() == ["<new2>"]


def test_weights_without_their_token_are_refused(tmp_path, ingest, trained):
    torch.save(as_diffusers(trained), tmp_path / "pytorch_custom_diffusion_weights.bin")
    with pytest.raises(NotFoundError, match="no embedding of the token"):
        ingest(tmp_path / "pytorch_custom_diffusion_weights.bin")
    torch.save({"unet": trained, "modifier_token": {}}, tmp_path / "delta.bin")
    with pytest.raises(InvalidInputError, match="no token"):
        ingest(tmp_path / "delta.bin")


def test_weights_of_another_base_name_tensor_and_base(store, tmp_path, ingest, trained, token):
    name = next(iter(trained))
    wrong = {
        rf"{name} is \(8, 24\), in .*base it is \(8, 16\)": {**trained, name: torch.zeros(8, 24)},
        f"it lacks {name}": {key: value for key, value in trained.items() if key != name},
        "mid_block.attentions.7.attn2.to_k.weight .*no K or V": {
            **trained,
            "mid_block.attentions.7.attn2.to_k.weight": torch.zeros(8, 16),
        },
    }
    for message, weights in wrong.items():
        torch.save({"unet": weights, "modifier_token": {"<new1>": token}}, tmp_path / "delta.bin")
        with pytest.raises(InvalidInputError, match=message) as error:
            ingest(tmp_path / "delta.bin")
        assert "--base" in error.value.hint
    torch.save({"unet": trained, "modifier_token": {"<new1>": token[:8]}}, tmp_path / "delta.bin")
    with pytest.raises(InvalidInputError, match="<new1> is"):
        ingest(tmp_path / "delta.bin")
    assert (store.count("models"), store.count("images")) == (0, 0)
