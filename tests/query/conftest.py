"""Small synthetic stores: random vectors, no pictures."""

import shutil
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from attribase.store import Store, key_id

DIM = 16


@dataclass
class Fake:
    """A store being filled; `vectors` is what it holds, by item id, raw."""

    store: Store
    encoder: str = "enc"
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    vectors: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.store.upsert("encoders", [{"encoder": self.encoder, "dim": DIM}])
        self.table = self.store.ensure_vectors(self.encoder, DIM)

    def images(self, ids: Sequence[str], collection: str, vectors: np.ndarray | None = None) -> None:
        rows = [
            {
                "image_id": i,
                "uri": f"file:{i}",
                "creator": f"c{n % 3}",
                "license": "MIT",
                "category": "x",
                "bytes": b"?",
            }
            for n, i in enumerate(ids)
        ]
        self.store.upsert("images", rows)
        self.store.upsert("members", [{"collection": collection, "image_id": i} for i in ids])
        self.embed(ids, "image", vectors)

    def embed(self, ids: Sequence[str], kind: str, vectors: np.ndarray | None = None) -> None:
        if vectors is None:
            vectors = self.rng.normal(size=(len(ids), DIM))
        raw = np.asarray(vectors, np.float32)
        new = {i: row for i, row in zip(ids, raw, strict=True) if i not in self.vectors}
        self.vectors |= new
        rows = [{"item_id": i, "item_kind": kind, "base": row.tolist()} for i, row in new.items()]
        if rows:
            self.store.upsert(self.table, rows)

    def model(
        self,
        name: str,
        exemplars: Sequence[str],
        *,
        case: str = "case",
        split: str = "test",
        samples: int = 3,
        method: str = "custom-diffusion",
        near: float = 0.0,
        kind: str | None = None,
    ) -> list[str]:
        """A model and its samples, these pulled towards the mean exemplar by `near`."""
        self.store.upsert(
            "models",
            [
                {
                    "model_id": name,
                    "method": method,
                    "exemplar_ids": list(exemplars),
                    "case_name": case,
                    "split": split,
                    "concept_kind": kind,
                }
            ],
        )
        ids = [f"{name}-s{i}" for i in range(samples)]
        self.store.upsert(
            "samples",
            [
                {"sample_id": i, "model_id": name, "scheme": ("gpt", "media")[n % 2], "uri": f"file:{i}.png"}
                for n, i in enumerate(ids)
            ],
        )
        centre = np.mean([self.vectors[e] for e in exemplars], axis=0)
        self.embed(ids, "sample", near * centre + self.rng.normal(size=(samples, DIM)))
        return ids

    def mapper(self, name: str, real: np.ndarray, synth: np.ndarray) -> None:
        """A trained mapper without weights: the row and the mapped column."""
        self.store.upsert(
            "mappers",
            [{"mapper_id": key_id(self.encoder, name), "encoder": self.encoder, "mapper": name}],
        )

        def compute(batch):
            base = np.stack(batch["base"].to_pylist()).astype(np.float32)
            kinds = np.array(batch["item_kind"].to_pylist())
            mapped = np.where((kinds == "image")[:, None], base @ real.T, base @ synth.T)
            return (mapped / np.linalg.norm(mapped, axis=1, keepdims=True)).astype(np.float32)

        self.store.set_vector_column(self.table, f"mapped_{name}", compute)

    def calibrate(self, tau: float, lam: float, mapper: str = "none") -> None:
        row = {"calibration_id": key_id(self.encoder, mapper), "encoder": self.encoder, "mapper": mapper}
        self.store.upsert("calibrations", [row | {"tau": tau, "lambda": lam}])


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """An empty store with one encoder."""
    return Fake(Store.create(tmp_path / "a.store"))


@pytest.fixture(scope="session")
def judged_once(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """A gallery of 150, 9 object and 4 style models to judge by, 3 test models; raw features can abstain."""
    from attribase.train import train_abstention

    fake = Fake(Store.create(tmp_path_factory.mktemp("judged") / "a.store"))
    fake.images([f"g{i:03d}" for i in range(150)], "gallery")
    fake.images([f"e{i:02d}" for i in range(40)], "exemplars")
    for number in range(9):
        fake.model(f"o{number}", [f"e{number:02d}"], split="val", near=1.0, samples=4, kind="object")
    for number in range(4):
        own = [f"e{20 + 3 * number + i:02d}" for i in range(3)]
        fake.model(f"y{number}", own, split="val", near=1.5, samples=2 + number, kind="style")
    fake.model("t0", ["e10"], near=3.0, kind="object")
    fake.model("t1", ["e11"], near=0.0, kind="object", case="other")
    fake.model("t2", ["e34", "e35"], near=3.0, kind="style", samples=4)
    list(train_abstention(fake.store, fake.encoder, "none"))
    return fake


@pytest.fixture
def judged(judged_once: Fake, tmp_path: Path) -> Fake:
    """A copy of `judged_once` that a test may change."""
    return _copy(judged_once, tmp_path)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """Two cases, a control, a train model, an exemplar that is in the gallery too, copies that tie."""
    fake = Fake(Store.create(tmp_path_factory.mktemp("made") / "a.store"))
    gallery = [f"g{i:03d}" for i in range(200)]
    vectors = fake.rng.normal(size=(200, DIM))
    vectors[150:160] = vectors[0:10]  # copies: ties
    fake.images(gallery, "gallery", vectors)
    exemplars = [f"e{i:02d}" for i in range(30)]
    own = fake.rng.normal(size=(30, DIM))
    own[5] = vectors[20]  # an exemplar whose copy is in the gallery
    own[7] = own[6]  # two exemplars that tie
    fake.images(exemplars, "exemplars", own)
    fake.model("m0", ["e00"], near=1.0)
    fake.model("m1", ["e05"], near=2.0)
    fake.model("m2", ["e06", "e07", "e08"], case="other", near=1.0)
    fake.model("m3", ["g003", "e10"], case="other", samples=4, near=1.0)
    fake.model("m4", exemplars[10:30], case="other", split="val")
    fake.model("c0", ["e00"], split="control", method="none")
    fake.model("t0", ["e01"], split="train")
    return fake


@pytest.fixture
def small(made_once: Fake, tmp_path: Path) -> Fake:
    """A copy of `made_once` that a test may change."""
    return _copy(made_once, tmp_path)


def _copy(made: Fake, folder: Path) -> Fake:
    store = Store.open(shutil.copytree(made.store.uri, folder / "a.store"))
    copy = object.__new__(Fake)
    copy.__dict__.update(deepcopy({**vars(made), "store": store}))
    return copy
