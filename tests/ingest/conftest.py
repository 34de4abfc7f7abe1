"""A Stable Diffusion small enough to train in a test, and a store with exemplars for it."""

import io
import os

import numpy as np
import pytest
from PIL import Image
from tiny_pipelines import (
    SIZE,
    flux_pipeline,
    sd3_pipeline,
    sdxl_pipeline,
    tiny_pipeline,
    tiny_tokenizer,
)

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def make_pipeline():
    return tiny_pipeline


@pytest.fixture(scope="session")
def tiny_tokenizers():
    """Makes two tokenizers of CLIP."""
    return lambda: (tiny_tokenizer(), tiny_tokenizer())


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    """The folder of a tiny pipeline that predicts epsilon."""
    folder = tmp_path_factory.mktemp("tiny") / "base"
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def kind_bases(tmp_path_factory, tiny_base, tiny_tokenizers):
    """The folder of a tiny base of each kind, made when it is asked for."""
    folder = tmp_path_factory.mktemp("kinds")
    make = {"sdxl": sdxl_pipeline, "sd3": sd3_pipeline, "flux": flux_pipeline}

    def find(kind):
        if kind == "sd":
            return tiny_base
        if not (folder / kind).is_dir():
            make[kind](tiny_tokenizers()).save_pretrained(folder / kind)
        return folder / kind

    return find


@pytest.fixture(scope="session")
def velocity_base(tmp_path_factory):
    """The folder of a tiny pipeline that predicts velocity."""
    folder = tmp_path_factory.mktemp("tiny") / "velocity"
    tiny_pipeline("v_prediction").save_pretrained(folder)
    return folder


def picture(seed: int, size: tuple[int, int] = (SIZE, SIZE), kind: str = "PNG", **options) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def make_picture():
    return picture


@pytest.fixture
def store(tmp_path):
    from attribase.store import Store

    return Store.create(tmp_path / "store")


@pytest.fixture
def exemplars(store):
    """The ids of four stored exemplars."""
    from attribase.store import content_id

    pictures = [picture(seed) for seed in range(4)]
    rows = [{"image_id": content_id(data), "bytes": data, "width": SIZE, "height": SIZE} for data in pictures]
    store.upsert("images", rows)
    return [row["image_id"] for row in rows]


@pytest.fixture
def config(tiny_base):
    """Settings with which the tiny base changes in a moment."""
    from attribase.ingest.customize import CustomizeConfig

    return CustomizeConfig(
        str(tiny_base),
        iterations=4,
        lr=1e-2,
        token_lr=1e-2,
        batch_size=2,
        augment="shift",
        resolution=SIZE,
        init_token="category",
    )


@pytest.fixture
def make_spec(exemplars):
    """A model of the first exemplar, with changes."""
    from attribase.ingest.specs import ModelSpec, SampleSpec

    def make(**changes):
        samples = tuple(SampleSpec("gpt", f"a V* cat {i}", i) for i in range(3))
        known = {
            "concept_kind": "object",
            "concept": "tom",
            "category": "cat",
            "case_name": "object_seen",
            "split": "train",
            "exemplar_ids": tuple(exemplars[:1]),
            "training_prompts": ("V* cat",),
            "samples": samples,
        }
        return ModelSpec(**{**known, **changes})

    return make


@pytest.fixture(scope="session")
def fixed_specs():
    """An object, a style and a control whose ids are written down in tests."""
    from attribase.ingest.specs import ModelSpec, SampleSpec

    style_prompts = ("A tree in the style of V* art", "A cat in the style of V* art")
    return {
        "object": ModelSpec(
            concept_kind="object",
            concept="Mäuschen",
            category="mouse",
            case_name="object_seen",
            split="val",
            exemplar_ids=("x",),
            training_prompts=("V* mouse",),
            samples=(SampleSpec("gpt", "V* läuft", 2**62),),
            seed=3,
        ),
        "style": ModelSpec(
            concept_kind="style",
            concept="noto",
            category="art",
            case_name="style_seen",
            split="test",
            exemplar_ids=("a", "b"),
            training_prompts=style_prompts,
            samples=(),
        ),
        "control": ModelSpec(
            concept_kind="object",
            concept="x",
            category="y",
            case_name="object_seen",
            split="control",
            exemplar_ids=("x",),
            training_prompts=(),
            samples=(SampleSpec("gpt", "a mouse", 0),),
            method="none",
        ),
    }
