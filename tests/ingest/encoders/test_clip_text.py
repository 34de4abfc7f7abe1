"""Text towers of CLIP and SigLIP: tokens and features are open_clip's, small and random."""

import json

import numpy as np
import open_clip
import pytest
import torch
from attribase.ingest.encoders import get_encoder
from attribase.ingest.encoders.export import export_encoder
from attribase.ingest.encoders.text_tower import TEXTS
from attribase.runtime.text_encoder import load_text_encoder
from attribase.runtime.tokens import CaptionTokenizer
from attribase.store import NotFoundError, Store
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from .networks import cosines

VISION = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
CLIP = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 1}
SIGLIP = CLIP | {
    "context_length": 64,
    "vocab_size": 40,
    "hf_tokenizer_name": "nobody/nothing",
    "tokenizer_kwargs": {"clean": "canonicalize"},
    "no_causal_mask": True,
    "proj_bias": True,
    "pool_type": "last",
}
TAG = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "quick_gelu": False, "hf_hub": "some/where/"}
WORDS = ("a", "red", "car", "photo", "of", "two", "cats", "sleeping", "on", "sofa")
ODD = (
    "",
    " A  RED\tcar ",
    "it's 42 cats!!",
    "don't_stop",
    "snake_case-and/slash",
    "\U0001f600 caf\u00e9 \u4e2d\u6587",
    "x" * 400,
)


def word_tokenizer(folder):
    """A tokenizer as a hub's repository has it: words to ids, an end token, padding 1."""
    vocabulary = {"<unk>": 0, "</s>": 1} | {word: at for at, word in enumerate(WORDS, start=2)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="</s>", unk_token="<unk>")
    fast.save_pretrained(folder)


@pytest.fixture(params=["clip", "siglip"])
def tower(request, tmp_path, monkeypatch, random_network):
    """A spec, a model of open_clip, its own tokenizer, and its file of weights."""
    siglip = request.param == "siglip"
    config = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": SIGLIP if siglip else CLIP}
    name = f"Small-{request.param}"
    (tmp_path / f"{name}.json").write_text(json.dumps(config | {"custom_text": siglip}))
    open_clip.add_model_config(tmp_path / f"{name}.json")
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: TAG)
    model = random_network(open_clip.create_model(name))
    torch.save(model.state_dict(), tmp_path / "weights.bin")
    if siglip:
        word_tokenizer(tmp_path)
        theirs = open_clip.tokenizer.HFTokenizer(str(tmp_path), context_length=64, clean="canonicalize")
    else:
        theirs = open_clip.get_tokenizer(name)
    return get_encoder(f"open_clip:{name}/x"), model, theirs, tmp_path / "weights.bin"


def test_tokens_are_open_clips(tower):
    spec, _, theirs, weights = tower
    found = spec.load_text(weights)
    texts = [*TEXTS, *ODD]
    ours = CaptionTokenizer(found.tokenizer, found.length).encode(texts)
    assert ours.tolist() == theirs(texts).tolist()


def test_texts_in_a_store_have_open_clips_features(tower, tmp_path):
    spec, model, theirs, weights = tower
    store = Store.create(tmp_path / "a.store")
    noise = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    images = [Image.fromarray(one) for one in noise]
    export_encoder(store, spec, weights, images, ["a red car", "", "cats", ""])
    (row,) = store.read("encoders").to_pylist()
    assert row["text_parity_min_cosine"] >= 0.9999
    encoder = load_text_encoder(store, spec.name)
    texts = ["a red car", "two cats", *ODD]
    with torch.inference_mode():
        expected = model.encode_text(theirs(texts)).numpy()
    assert cosines(encoder.encode(texts), expected).min() >= 0.9999
    assert encoder.encode(texts[:1]).shape == (1, row["dim"])
    assert encoder.encode([]).shape == (0, row["dim"])


@pytest.mark.parametrize("tower", ["siglip"], indirect=True)
def test_without_a_tokenizer_the_images_are_exported_alone(tower, tmp_path):
    spec, _, _, weights = tower
    (tmp_path / "tokenizer.json").unlink()
    store = Store.create(tmp_path / "b.store")
    export_encoder(store, spec, weights, [Image.new("RGB", (40, 40), "red")])
    assert store.read("encoders").to_pylist()[0]["text_parity_min_cosine"] is None
    with pytest.raises(NotFoundError, match="no text tower") as caught:
        load_text_encoder(store, spec.name)
    assert "open_clip" in caught.value.hint


def test_openais_torchscript_holds_the_text_tower_too(tmp_path, monkeypatch, random_network):
    config = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": CLIP}
    (tmp_path / "Small-script.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "Small-script.json")
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: TAG)
    model = random_network(open_clip.create_model("Small-script"))

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, child in model.named_children():
                self.add_module(name, child)
            for name, value in model.named_parameters(recurse=False):
                self.register_parameter(name, value)
            for name in ("input_resolution", "context_length", "vocab_size"):
                self.register_buffer(name, torch.tensor(1))

        def forward(self, images):
            return self.visual(images)

    torch.jit.trace(Whole().eval(), torch.rand(2, 3, 32, 32)).save(tmp_path / "ViT.pt")
    tower = get_encoder("open_clip:Small-script/openai").load_text(tmp_path / "ViT.pt")
    tokens = torch.from_numpy(CaptionTokenizer(tower.tokenizer, tower.length).encode(["a red car"]))
    with torch.inference_mode():
        assert torch.allclose(tower.module(tokens), model.encode_text(tokens), atol=1e-5)
