"""A small release in the authors' layout: random features, three kinds of mappers, two cases."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

GALLERY = 400
CASES = {"observed_imagenet": ("media", "gpt"), "artchive": ("gpt", "object")}


class Channels(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weights = nn.Parameter(torch.rand(1, dim) + 0.5)

    def forward(self, rows):
        return rows * self.weights


def linear(dim):
    module = nn.Linear(dim, dim)
    with torch.no_grad():
        module.weight.copy_(torch.eye(dim) + 0.2 * torch.randn(dim, dim))
    return module


def mlp(dim):
    module = nn.Sequential(
        nn.Linear(dim, 24, bias=False), nn.BatchNorm1d(24), nn.ReLU(inplace=True), nn.Dropout(0.0),
        nn.Linear(24, 12, bias=False), nn.BatchNorm1d(12, affine=False),
    )  # fmt: skip
    with torch.no_grad():
        for norm in (module[1], module[5]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2.0)
        module[1].weight.uniform_(0.5, 2.0)
        module[1].bias.normal_()
    return module


ENCODERS = {"clip": (16, "tuned", linear), "dino": (20, "channels", Channels), "vit_l": (16, "deep", mlp)}


@dataclass
class Release:
    """What was written, for the reference to compute with."""

    folder: Path
    index: dict = field(default_factory=dict)  # case -> entries
    gallery: list = field(default_factory=list)  # paths
    features: dict = field(default_factory=dict)  # encoder -> {path: row}
    mappers: dict = field(default_factory=dict)  # (encoder, name) -> (real, synth)
    calibrators: dict = field(default_factory=dict)  # (encoder, name) -> (inv_tau, bias)

    def rows(self, encoder, paths, module=None):
        """Unit rows (paths, dim) of an encoder, mapped by `module` in float64."""
        rows = torch.from_numpy(np.stack([self.features[encoder][path] for path in paths]))
        if module is not None:
            with torch.no_grad():
                rows = module.double().eval()(rows.double())
        rows = rows.double().numpy()
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_release(folder, seed=0):
    """Write it and tell what it holds. One exemplar is in the gallery too; some gallery rows are copies."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    made = Release(folder)
    made.gallery = [f"dataset/laion_subset/{n:06d}.png" for n in range(GALLERY)]
    for case, schemes in CASES.items():
        made.index[case] = [_entry(rng, case, schemes, n) for n in range(7)]
    made.index["artchive"][2]["exemplar"].append(made.gallery[33])
    for encoder, (dim, name, kind) in ENCODERS.items():
        made.features[encoder] = _features(rng, made, dim)
        _write_features(made, encoder)
        made.mappers[encoder, name] = (kind(dim).eval(), kind(dim).eval())
        made.calibrators[encoder, name] = (float(rng.uniform(8, 20)), float(-rng.uniform(50, 400)))
        _write_weights(made, encoder, name)
    for case, entries in made.index.items():
        path = folder / "dataset/json" / f"test_{case}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(entries))
    return made


def _entry(rng, case, schemes, number):
    style = "object" in schemes
    count = int(rng.integers(1, 30)) if style else 1
    own = f"{case}_{number:02d}"
    return {
        "exemplar": [f"dataset/exemplar/{case}/{own}/{n}.jpg" for n in range(count)],
        "synth": {s: [f"dataset/synth/{case}/{s}/{own}/{n:05d}.png" for n in range(5)] for s in schemes},
        "class_id": own,
        "category": None if style else "dog",
    }


def _features(rng, made, dim):
    paths = made.gallery + [p for e in made.index.values() for entry in e for p in _paths(entry)]
    found = {path: rng.normal(size=dim).astype(np.float32) for path in dict.fromkeys(paths)}
    for copy, original in zip(made.gallery[-40:], made.gallery[:40], strict=True):
        found[copy] = found[original]
    for entries in made.index.values():
        for entry in entries:
            found[made.gallery[100 + int(rng.integers(200))]] = found[entry["exemplar"][0]]  # a tie
            centre = np.mean([found[path] for path in entry["exemplar"]], axis=0)
            for path in [p for paths in entry["synth"].values() for p in paths]:
                found[path] = (found[path] + rng.uniform(0, 2) * centre).astype(np.float32)
    return found


def _paths(entry):
    return entry["exemplar"] + [path for paths in entry["synth"].values() for path in paths]


def _write_features(made, encoder):
    def rows(paths):
        return torch.from_numpy(np.stack([made.features[encoder][path] for path in paths]))

    folder = made.folder / "feats" / encoder
    folder.mkdir(parents=True)
    torch.save({"feats": rows(made.gallery), "paths": made.gallery}, folder / "laion_subset.pth")
    for case, entries in made.index.items():
        exemplars = [path for entry in entries for path in entry["exemplar"]]
        ends = np.cumsum([len(entry["exemplar"]) for entry in entries]).tolist()
        synth = {s: [path for entry in entries for path in entry["synth"][s]] for s in CASES[case]}
        ids = {s: [n for n, entry in enumerate(entries) for _ in entry["synth"][s]] for s in CASES[case]}
        parts = {
            "exemplar_paths": exemplars,
            "exemplar_tensors": rows(exemplars),
            "exemplar_chunks": list(zip([0, *ends[:-1]], ends, strict=True)),
            "synth_paths": synth,
            "synth_ids": ids,
            "synth_tensors": {scheme: rows(paths) for scheme, paths in synth.items()},
        }
        torch.save(parts, folder / f"test_{case}.pth")


def _write_weights(made, encoder, name):
    real, synth = made.mappers[encoder, name]
    inv_tau, bias = made.calibrators[encoder, name]
    states = {"real_mapper": real.state_dict(), "synth_mapper": synth.state_dict()}
    scalars = {"inv_tau": torch.tensor(inv_tau), "bias": torch.tensor(bias)}
    for kind, content in (("mapper", states), ("calibrator", scalars)):
        path = made.folder / "weights" / kind / f"{encoder}_{name}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)
