"""The registry, and a user's file all the way into a store."""

import io
import json

import numpy as np
import pytest
from attribase.ingest.embed import embed
from attribase.ingest.encoders import ENCODERS, FAMILIES, encoder_name, ensure_encoder, get_encoder
from attribase.ingest.encoders.listing import HERE, TO_GET, YOURS, list_encoders
from attribase.runtime import load_encoder
from attribase.store import Store
from attribase.store.errors import InvalidInputError, NotFoundError
from PIL import Image

ISSUED = {
    "clip-vit-b16": (512, 224),
    "clip-vit-b32": (512, 224),
    "dino-vit-b16": (768, 224),
    "mocov3-vit-b16": (768, 224),
    "vit-b16": (768, 224),
    "vit-b16-384": (768, 384),
    "sscd": (512, 288),
    "sscd-320": (512, 320),
    "aladin": (0, 256),
    "sd-unet": (1280, 512),
    "efficientnet-lite0": (1280, 224),
    "dinov2-vit-b14": (768, 518),
    "siglip-vit-b16": (768, 224),
}


@pytest.fixture
def store(tmp_path):
    """Three pictures, of which one has a caption, and a sample."""
    store = Store.create(tmp_path / "store")
    rng, pictures = np.random.default_rng(0), []
    for _ in range(4):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(buffer, "PNG")
        pictures.append(buffer.getvalue())
    rows = [{"image_id": f"i{n}", "bytes": data} for n, data in enumerate(pictures[:3])]
    store.upsert("images", [rows[0] | {"caption": "a red fox"}, *rows[1:]])
    store.upsert("samples", [{"sample_id": "s", "model_id": "m", "prompt": "V* cat", "bytes": pictures[3]}])
    return store


def test_every_encoder_of_the_paper_is_there_with_its_width_and_size():
    found = {spec.name: (spec.dim, spec.size) for spec in ENCODERS}
    assert found.items() >= ISSUED.items()
    assert all(spec.source and spec.license for spec in ENCODERS)
    assert all(get_encoder(spec.name) is spec for spec in ENCODERS)


def test_an_unknown_name_is_answered_with_encoders_and_families():
    with pytest.raises(NotFoundError, match="'dino'") as error:
        get_encoder("dino")
    assert all(name in error.value.hint for name in (*ISSUED, *FAMILIES))


def test_flags_change_what_can_be_changed():
    changed = get_encoder("vit-b16", {"resize": 224, "interpolation": "bilinear"}).preprocessing
    assert (changed.size, changed.resize, changed.interpolation, changed.mean) == (
        224,
        224,
        "bilinear",
        (0.5,) * 3,
    )
    with pytest.raises(InvalidInputError, match="built for 224 pixels"):
        get_encoder("vit-b16", {"size": 384})


def test_names_of_the_registry_are_their_own():
    assert [encoder_name(spec.name) for spec in ENCODERS] == [spec.name for spec in ENCODERS]
    assert encoder_name("timm:vit_base_patch16_224.mae") == "timm:vit_base_patch16_224.mae"


@pytest.mark.slow
def test_the_diffusion_encoder_goes_into_a_store_and_sees_captions(store, tiny_base, monkeypatch):
    """Export, embedding with what is stored, and an image query without a caption."""
    monkeypatch.setattr("attribase.ingest.encoders.weights._hub_answers", lambda: False)
    name = ensure_encoder(store, f"sd-unet:{tiny_base}")
    assert name == "sd-unet:base"
    assert ensure_encoder(store, "sd-unet:base") == name  # the folder is not needed again
    list(embed(store, name))
    row = store.read("encoders").to_pylist()[0]
    assert row["parity_min_cosine"] >= 0.9999
    assert any(file["file"].endswith("tokenizer.json") for file in json.loads(row["files"]))
    rows = store.read("vectors_sd_unet_base", ["item_id", "base"]).to_pylist()
    found = {row["item_id"]: row["base"] for row in rows}
    encoder = load_encoder(store, name)
    ids = ["i0", "i1", "s"]
    data = dict(store.blobs("images", "bytes", ids[:2])) | dict(store.blobs("samples", "bytes", ["s"]))
    pixels = encoder.preprocessing.batch([Image.open(io.BytesIO(data[item])) for item in ids])
    wanted = encoder.run(pixels, encoder.tokens(["a red fox", "", "V* cat"]))
    assert np.array([found[item] for item in ids]) == pytest.approx(wanted, abs=1e-3)
    assert encoder.encode([Image.open(io.BytesIO(data["i1"]))])[0] == pytest.approx(wanted[1], abs=1e-3)
    listed = {one.encoder: one for one in list_encoders(store)}[name]
    assert (listed.dim, listed.size, listed.captions, listed.ready) == (8, 8, True, ("fp32",))
    assert (listed.weights, listed.vectors) == (None, 4)


def test_aladin_comes_from_a_file_with_its_own_width_and_size(store, tmp_path):
    import warnings

    import torch

    class Style(torch.nn.Module):
        def forward(self, images):
            return torch.cat([images.mean((2, 3)), images.std((2, 3))], dim=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Style()).save(tmp_path / "style.pt")
    changes = {"size": 16, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    assert ensure_encoder(store, "aladin", tmp_path / "style.pt", changes=changes) == "aladin"
    row = store.read("encoders").to_pylist()[0]
    assert (row["dim"], row["size"]) == (6, 16)
    assert row["source"].endswith("never published; weights from style.pt")
    grey = load_encoder(store, "aladin").encode([Image.new("RGB", (9, 20), (51, 51, 51))])
    assert grey[0] == pytest.approx([0.2] * 3 + [0] * 3, abs=1e-5)
    listed = {one.encoder: one for one in list_encoders(store)}["aladin"]
    assert (listed.dim, listed.weights, listed.ready, listed.vectors) == (6, YOURS, ("fp32",), 0)


def test_the_list_says_whose_weights_are_here(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("attribase.ingest.encoders.listing.cached_file", lambda *_: None)
    states = {one.encoder: one.weights for one in list_encoders()}
    assert states["efficientnet-lite0"] == HERE
    assert states["aladin"] == YOURS
    assert {states[name] for name in set(ISSUED) - {"efficientnet-lite0", "aladin"}} == {TO_GET}
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "vit-b-300ep.pth.tar").touch()
    asked = []
    monkeypatch.setattr(
        "attribase.ingest.encoders.listing.cached_file",
        lambda repository, names: asked.append((repository, names)) or tmp_path,
    )
    states = {one.encoder: one.weights for one in list_encoders()}
    assert states["mocov3-vit-b16"] == states["sd-unet"] == HERE
    assert states["sscd"] == TO_GET
    assert ("CompVis/stable-diffusion-v1-4", ["unet/config.json"]) in asked
    assert ("timm/vit_base_patch16_224.dino", ["model.safetensors"]) in asked


def test_a_release_gives_features_but_no_encoder_and_the_list_says_so(store):
    store.upsert("encoders", [{"encoder": "vit", "dim": 2}, {"encoder": "sscd", "dim": 512}])
    table = store.ensure_vectors("vit", 2)
    store.upsert(table, [{"item_id": "i0", "item_kind": "image", "base": [0.5, 0.5]}])
    listed = {one.encoder: one for one in list_encoders(store)}
    assert (listed["vit"].ready, listed["vit"].vectors) == ((), 1)
    assert (listed["sscd"].ready, listed["sscd"].vectors) == ((), 0)
