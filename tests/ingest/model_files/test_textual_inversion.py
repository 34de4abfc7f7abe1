"""Files of textual inversion: what is read of each kind, and that stock diffusers draws the same with it."""

import json
import pickle

import pytest
import torch
from attribase.store import DataError, InvalidInputError
from safetensors.torch import save_file

HIDDEN = 16


def vectors(count=1, width=HIDDEN):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(count))


def web_ui(values, name="cat-toy"):
    """As AUTOMATIC1111's web UI saves an embedding."""
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": values},
        "name": name,
        "step": 500,
        "sd_checkpoint": "cc6cb27103",
        "sd_checkpoint_name": "v1-5-pruned",
    }


@pytest.mark.parametrize(
    ("name", "write", "token"),
    [
        ("learned_embeds.safetensors", lambda path: save_file({"<toy>": vectors()}, path), "<toy>"),
        ("learned_embeds.bin", lambda path: torch.save({"<toy>": vectors()[0]}, path), "<toy>"),
        ("learned.bin", lambda path: torch.save({"<toy>": vectors(3)}, path), "<toy>"),
        ("cat.pt", lambda path: torch.save(web_ui(vectors(2)), path), "cat-toy"),
    ],
)
def test_stock_diffusers_draws_the_same_with_the_same_file(
    store, tmp_path, ingest, same_pixels, name, write, token
):
    write(tmp_path / name)
    summary = ingest(tmp_path / name)
    (row,) = store.read("models").to_pylist()
    assert (row["method"], row["modifier_token"]) == ("textual-inversion", token)
    assert len(row["exemplar_ids"]) == 3
    same_pixels(
        summary.specs, lambda stock: stock.load_textual_inversion(str(tmp_path), weight_name=name), token
    )


def test_what_the_file_says_of_its_training_is_kept(store, tmp_path, ingest):
    torch.save(web_ui(vectors(2)), tmp_path / "cat.pt")
    ingest(tmp_path / "cat.pt")
    (row,) = store.read("models").to_pylist()
    config = json.loads(row["config"])
    assert config["metadata"] == {
        "step": 500,
        "sd_checkpoint": "cc6cb27103",
        "sd_checkpoint_name": "v1-5-pruned",
    }
    assert config["vectors"] == 2
    assert row["concept"] == "cat"


def test_a_file_without_a_name_for_its_token_is_called_as_the_file(store, tmp_path, ingest):
    save_file({"emb_params": vectors(2)}, tmp_path / "charturner.safetensors")
    ingest(tmp_path / "charturner.safetensors")
    assert store.read("models", ["modifier_token"])["modifier_token"].to_pylist() == ["charturner"]


class _Evil:
    def __reduce__(self):
        return (print, ("this ran",))


@pytest.mark.parametrize("name", ["cat.pt", "learned_embeds.bin", "cat.ckpt"])
def test_a_pickle_with_code_is_refused(store, tmp_path, ingest, name, capsys):
    path = tmp_path / name
    torch.save(web_ui(_Evil()), path)
    with pytest.raises(DataError, match="other than tensors") as error:
        ingest(path)
    assert "safetensors" in error.value.hint
    path.write_bytes(pickle.dumps({"<toy>": _Evil()}, protocol=2))
    with pytest.raises(DataError):
        ingest(path)
    assert "this ran" not in capsys.readouterr().out
    assert (store.count("models"), store.count("images")) == (0, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"<toy>": vectors(width=24)}, r"<toy> is \(1, 24\), in .*base it is \(vectors, 16\)"),
        ({"<a>": vectors(), "<b>": vectors()}, "2 tokens"),
        ({"unet.conv_in.weight": vectors()}, "no model of a method"),
        ({"model.diffusion_model.x": vectors()}, "whole base"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(store, tmp_path, ingest, content, message):
    save_file(content, tmp_path / "a.safetensors")
    with pytest.raises(InvalidInputError, match=message) as error:
        ingest(tmp_path / "a.safetensors")
    assert error.value.hint
    assert store.count("models") == 0


def test_a_method_or_a_trigger_that_the_file_contradicts_is_refused(tmp_path, ingest):
    save_file({"<toy>": vectors()}, tmp_path / "a.safetensors")
    with pytest.raises(InvalidInputError, match="textual-inversion, not of custom-diffusion"):
        ingest(tmp_path / "a.safetensors", method="custom-diffusion")
    with pytest.raises(InvalidInputError, match="holds the token <toy>, not 'sks'"):
        ingest(tmp_path / "a.safetensors", trigger="sks")


def test_a_cut_file_and_a_file_of_something_else_are_refused(tmp_path, ingest):
    save_file({"<toy>": vectors()}, tmp_path / "a.safetensors")
    whole = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(whole[:-8])
    with pytest.raises(DataError, match="cut off"):
        ingest(tmp_path / "a.safetensors")
    (tmp_path / "a.pt").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match="neither safetensors nor a file of torch"):
        ingest(tmp_path / "a.pt")
