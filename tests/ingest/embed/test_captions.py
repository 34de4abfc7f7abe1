import io

import numpy as np
import pytest
from attribase.ingest.embed import captions as module
from attribase.ingest.embed.captions import Captioner, Captions, stored_captions
from attribase.ingest.encoders import weights
from attribase.store import Store
from attribase.store.errors import InvalidInputError
from PIL import Image

SEED = 5  # of a BLIP whose captions differ between images


def png(seed):
    """A picture of one colour."""
    buffer = io.BytesIO()
    colour = np.random.default_rng(seed).integers(0, 256, 3)
    Image.new("RGB", (30, 40), tuple(colour.tolist())).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "store")
    images = [("captioned", " a red fox "), ("uncaptioned", None), ("blank", "  "), ("torn", None)]
    rows = [{"image_id": name, "caption": text, "bytes": png(n)} for n, (name, text) in enumerate(images)]
    store.upsert("images", [*rows[:3], rows[3] | {"bytes": b"\x89PNG nothing"}])
    store.upsert(
        "samples", [{"sample_id": "s", "model_id": "m", "prompt": "V* in the snow", "bytes": png(9)}]
    )
    return store


class SizeCaptioner:
    """A captioner that returns the size of each image, and counts the images of each call."""

    def __init__(self):
        self.calls = []

    def __call__(self, images):
        self.calls.append(len(images))
        return [f"{image.width} by {image.height}" for image in images]


def test_stored_captions_come_first_and_the_captioner_sees_only_the_rest(store, monkeypatch):
    captioner = SizeCaptioner()
    monkeypatch.setattr(Captioner, "load", lambda _: captioner)
    found = Captions(store)
    assert found("sample", ["s"]) == ["V* in the snow"]
    assert captioner.calls == []
    assert found("image", ["uncaptioned", "captioned", "torn", "blank"]) == [
        "30 by 40",
        "a red fox",
        "",
        "30 by 40",
    ]
    assert captioner.calls == [2]
    assert (found.empty, found.warning) == (1, None)


def test_without_blip_the_caption_is_empty_and_one_warning_says_so(store, monkeypatch):
    tries = []
    monkeypatch.setattr(weights, "_hub_answers", lambda: tries.append(1) and False)
    found = Captions(store)
    assert found("image", ["captioned"]) == ["a red fox"]
    assert (found.empty, found.warning, tries) == (0, None, [])
    assert found("image", ["uncaptioned", "captioned"]) == ["", "a red fox"]
    assert found("image", ["blank"]) == [""]
    assert found.empty == 2
    assert len(tries) == 1
    assert "BLIP are not here" in found.warning
    assert "give the images captions" in found.warning


def test_more_items_than_one_filter_names_are_found(store, monkeypatch):
    monkeypatch.setattr(module, "FEW", 2)
    ids = ["captioned", "uncaptioned", "blank", "torn", "captioned"]
    assert stored_captions(store, "image", ids) == {
        "captioned": "a red fox",
        "uncaptioned": "",
        "blank": "",
        "torn": "",
    }


@pytest.fixture(scope="module")
def blip(tmp_path_factory):
    """A BLIP of two narrow layers with random weights, in the hub's layout."""
    import torch
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessor,
        BlipProcessor,
    )

    folder = tmp_path_factory.mktemp("blip")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *(f"word{n}" for n in range(40))]
    tokenizer = BertTokenizer(vocab={word: n for n, word in enumerate(words)}, bos_token="[DEC]")
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = small | {"vocab_size": len(words), "encoder_hidden_size": 16, "max_position_embeddings": 64}
    text |= {"bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    config = BlipConfig(text_config=text, vision_config=small | {"image_size": 32, "patch_size": 8})
    model = BlipForConditionalGeneration(config)
    numbers = torch.Generator().manual_seed(SEED)
    for _, parameter in sorted(model.named_parameters()):
        parameter.data.normal_(0, 0.5, generator=numbers)
    model.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    BlipProcessor(BlipImageProcessor(size=size), tokenizer).save_pretrained(folder)
    return folder


def test_blip_captions_an_image_the_same_alone_and_in_a_batch(blip, store):
    images = [Image.open(io.BytesIO(png(seed))).convert("RGB") for seed in range(5)]
    captioner = Captioner.load(blip)
    together = captioner(images)
    assert together == [captioner([image])[0] for image in images]
    assert len(set(together)) > 1
    assert all(set(text.split()) <= {f"word{n}" for n in range(40)} | {"[UNK]"} for text in together)
    captions = Captions(store, weights=blip)
    assert captions("image", ["captioned", "uncaptioned"]) == ["a red fox", together[1]]  # the second picture


def test_a_folder_that_holds_no_blip_or_half_of_one_is_refused(blip, tmp_path):
    from safetensors.torch import load_file, save_file

    with pytest.raises(InvalidInputError, match="holds no BLIP"):
        Captioner.load(tmp_path)
    half = tmp_path / "half"
    half.mkdir()
    for file in blip.iterdir():
        (half / file.name).write_bytes(file.read_bytes())
    state = load_file(half / "model.safetensors")
    del state["vision_model.encoder.layers.0.self_attn.qkv.weight"]
    save_file(state, half / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InvalidInputError, match="lacks vision_model"):
        Captioner.load(half)
