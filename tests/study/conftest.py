"""A small store with four cases and two encoders, and a study of it that ran once."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from attribase.store import Store
from attribase.study.folder import StudyFolder
from attribase.study.plan import StudyPlan
from attribase.study.run import run_study
from PIL import Image

DIM = 12
CASES = {
    "object_seen": ("object", ("train", "val", "test")),
    "object_unseen": ("object", ("test",)),
    "style_seen": ("style", ("train", "val", "test")),
    "style_unseen": ("style", ("test",)),
}
SCHEMES = {"object": ("gpt", "media"), "style": ("gpt", "object")}
MODELS = 6
"""Of each case and split."""


def picture(rng: np.random.Generator) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


def write_store(folder: Path, gallery: int = 80) -> Store:
    """Samples share half of their features with their exemplars; encoders differ in how loud the rest is."""
    store, rng = Store.create(folder), np.random.default_rng(3)
    points = {f"{number:02}g".ljust(40, "0"): rng.normal(size=DIM) for number in range(gallery)}
    members = [{"collection": "gallery", "image_id": one} for one in points]
    models, samples, drawn = [], [], {}
    for case, (kind, splits) in CASES.items():
        for split in splits:
            for number in range(MODELS):
                name = f"{case}-{split}-{number}"
                own = [f"{len(models):03}{at}e".ljust(40, "0") for at in range(1 if kind == "object" else 3)]
                points |= {one: rng.normal(size=DIM) for one in own}
                models.append(
                    {"model_id": name, "method": "custom-diffusion", "case_name": case, "split": split}
                    | {"concept_kind": kind, "concept": f"concept {number}", "exemplar_ids": own}
                )
                for at, scheme in enumerate(SCHEMES[kind] * 2):
                    sample = f"{name}-{at}"
                    drawn[sample] = np.mean([points[one] for one in own], axis=0)
                    row = {"sample_id": sample, "model_id": name, "scheme": scheme, "seed": at}
                    samples.append(row | {"prompt": f"{scheme} of <V*>", "bytes": picture(rng)})
    store.upsert("images", [{"image_id": one, "bytes": picture(rng)} for one in points])
    store.upsert("members", members)
    store.upsert("models", models)
    store.upsert("samples", samples)
    for encoder, loud in (("quiet", 0.6), ("loud", 1.5)):
        embed(store, encoder, points, drawn, loud)
    return store


def embed(store: Store, encoder: str, points: dict, drawn: dict, loud: float) -> None:
    """The features of an encoder that has no network: half of a sample's is noise."""
    rng = np.random.default_rng(5)
    store.upsert("encoders", [{"encoder": encoder, "dim": DIM}])
    rows = [{"item_id": one, "item_kind": "image", "base": row.tolist()} for one, row in points.items()]
    for sample, centre in drawn.items():
        noise = np.concatenate([0.2 * rng.normal(size=DIM // 2), loud * rng.normal(size=DIM // 2)])
        rows.append({"item_id": sample, "item_kind": "sample", "base": (centre + noise).tolist()})
    store.upsert(store.ensure_vectors(encoder, DIM), rows)


@dataclass(frozen=True)
class Studied:
    """A store and the folder of a study of it."""

    store: Store
    folder: StudyFolder
    plan: StudyPlan


VARIANTS = ("none", "object", "style", "object+style", "no-reg", "channel", "strong-aug")


@pytest.fixture(scope="session")
def studied_once(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    """A study that ran to the end; not to be changed."""
    root = tmp_path_factory.mktemp("study")
    store = write_store(root / "dir" / "store")
    plan = StudyPlan(variants=VARIANTS, checks=("sanity",))
    folder = StudyFolder(root / "dir")
    list(run_study(folder, store, plan))
    return Studied(store, folder, plan)


@pytest.fixture
def studied(studied_once: Studied, tmp_path: Path) -> Studied:
    """A copy of it, elsewhere."""
    shutil.copytree(studied_once.folder.path, tmp_path / "dir")
    folder = StudyFolder(tmp_path / "dir")
    return Studied(Store.open(folder.store), folder, studied_once.plan)
