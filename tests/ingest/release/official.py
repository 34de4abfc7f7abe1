"""A small release in the official layout, with all kinds of mapper; what was drawn is kept to compare."""

import io
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

ENCODERS = {"clip": 8, "my_vit": 6}
KINDS = {("clip", "tuned"): "linear", ("clip", "channel"): "channel", ("my_vit", "mlp"): "mlp"}
MLP_WIDTHS = (6, 10, 4)
IMAGES = 40
GALLERY = [f"dataset/laion_subset/{n:05d}.png" for n in range(IMAGES)]


class Channel(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(1, dim))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows * self.weights


def module(kind: str, dim: int) -> nn.Module:
    """A mapper with random weights, its statistics as after training."""
    if kind == "linear":
        return nn.Linear(dim, dim).eval()
    if kind == "channel":
        made = Channel(dim)
        nn.init.normal_(made.weights, 1, 0.3)
        return made.eval()
    _, hidden, out = MLP_WIDTHS
    mlp = nn.Sequential(
        nn.Linear(dim, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(0.1),
        nn.Linear(hidden, out, bias=False),
        nn.BatchNorm1d(out, affine=False),
    )
    nn.init.normal_(mlp[1].weight, 1, 0.2)
    nn.init.normal_(mlp[1].bias, 0, 0.2)
    with torch.no_grad():
        for _ in range(5):
            mlp.train()(torch.randn(16, dim) * 2 + 1)
    return mlp.eval()


def picture(rng: np.random.Generator, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def case_entries(case: str) -> list[dict]:
    """Four styles of one to three exemplars, or three objects of one."""
    if case == "artchive":
        schemes, sizes = ("gpt", "object"), (2, 1, 3, 2)
    else:
        schemes, sizes = ("gpt", "media"), (1, 1, 1)
    return [
        {
            "exemplar": [f"dataset/exemplar/{case}/images/c{place}/{n}.jpg" for n in range(size)],
            "synth": {
                scheme: [f"dataset/synth/{case}/{scheme}/c{place}/samples/{n:05d}.png" for n in range(3)]
                for scheme in schemes
            },
            "class_id": f"c{place}",
            "category": None if case == "artchive" else "bird",
        }
        for place, size in enumerate(sizes)
    ]


@dataclass
class Official:
    """What was written below `folder`."""

    folder: Path
    entries: dict[str, list[dict]] = field(default_factory=dict)
    vectors: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)  # encoder -> path -> row
    modules: dict[tuple[str, str], tuple[nn.Module, nn.Module]] = field(default_factory=dict)
    calibrators: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)  # path as the release says it -> bytes

    def path(self, *parts: str) -> Path:
        found = self.folder.joinpath(*parts)
        found.parent.mkdir(parents=True, exist_ok=True)
        return found


def write(folder: Path, seed: int = 0) -> Official:
    """Everything there can be."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    made = Official(folder)
    for case in ("artchive", "observed_imagenet"):
        made.entries[case] = case_entries(case)
        made.path("dataset", "json", f"test_{case}.json").write_text(json.dumps(made.entries[case]))
    for encoder, dim in ENCODERS.items():
        write_features(made, encoder, dim)
    for (encoder, name), kind in KINDS.items():
        pair = module(kind, ENCODERS[encoder]), module(kind, ENCODERS[encoder])
        made.modules[encoder, name] = pair
        state = {"real_mapper": pair[0].state_dict(), "synth_mapper": pair[1].state_dict()}
        torch.save(state, made.path("weights", "mapper", f"{encoder}_{name}.pth"))
    for (encoder, name), numbers in {("clip", "tuned"): (12.5, -3.0), ("my_vit", "mlp"): (3.0, 5.0)}.items():
        made.calibrators[encoder, name] = numbers
        state = {"inv_tau": torch.tensor(numbers[0]), "bias": torch.tensor(numbers[1])}
        torch.save(state, made.path("weights", "calibrator", f"{encoder}_{name}.pth"))
    write_images(made, rng)
    return made


def write_features(made: Official, encoder: str, dim: int) -> None:
    paths = GALLERY if encoder == "clip" else [path.replace(".png", ".jpg") for path in GALLERY]
    feats = torch.randn(IMAGES, dim)
    known = made.vectors.setdefault(encoder, {})
    known |= dict(zip(GALLERY, feats.numpy(), strict=True))
    torch.save({"feats": feats, "paths": list(paths)}, made.path("feats", encoder, "laion_subset.pth"))
    for case, entries in made.entries.items():
        data = case_features(entries, dim)
        known |= dict(zip(data["exemplar_paths"], data["exemplar_tensors"].numpy(), strict=True))
        for scheme, names in data["synth_paths"].items():
            known |= dict(zip(names, data["synth_tensors"][scheme].numpy(), strict=True))
        torch.save(data, made.path("feats", encoder, f"test_{case}.pth"))


def case_features(entries: list[dict], dim: int) -> dict:
    """As the release's script writes them, with random numbers for features."""
    schemes = list(entries[0]["synth"])
    data: dict = {"exemplar_paths": [], "exemplar_chunks": []}
    data |= {name: {scheme: [] for scheme in schemes} for name in ("synth_paths", "synth_ids")}
    for place, entry in enumerate(entries):
        start = len(data["exemplar_paths"])
        data["exemplar_paths"] += entry["exemplar"]
        data["exemplar_chunks"].append((start, len(data["exemplar_paths"])))
        for scheme in schemes:
            data["synth_paths"][scheme] += entry["synth"][scheme]
            data["synth_ids"][scheme] += [place] * len(entry["synth"][scheme])
    data["exemplar_tensors"] = torch.randn(len(data["exemplar_paths"]), dim)
    data["synth_tensors"] = {scheme: torch.randn(len(data["synth_paths"][scheme]), dim) for scheme in schemes}
    return data


def write_images(made: Official, rng: np.random.Generator) -> None:
    """Some of the files: gallery ones as JPEG elsewhere, exemplars and samples under another ending."""
    artchive, objects = made.entries["artchive"], made.entries["observed_imagenet"]
    places = {
        GALLERY[1]: ("dataset/laion_subset_jpeg/00001.jpg", "JPEG"),
        GALLERY[2]: ("dataset/laion_subset/00002.png", "PNG"),
        GALLERY[3]: ("dataset/laion_subset/00003.jpg", "JPEG"),
        artchive[0]["exemplar"][1]: (artchive[0]["exemplar"][1], "JPEG"),
        objects[1]["exemplar"][0]: (objects[1]["exemplar"][0].replace(".jpg", ".png"), "PNG"),
        artchive[0]["synth"]["gpt"][0]: (artchive[0]["synth"]["gpt"][0], "PNG"),
        objects[2]["synth"]["media"][1]: (objects[2]["synth"]["media"][1].replace(".png", ".jpg"), "JPEG"),
    }
    for path, (file, kind) in places.items():
        made.files[path] = picture(rng, kind)
        made.path(file).write_bytes(made.files[path])


def copy_parts(made: Official, target: Path, *parts: str) -> Path:
    """Copy some of dataset/json, feats, weights, dataset/laion_subset, ... to another folder."""
    for part in parts:
        source = made.folder / part
        if source.is_dir():
            shutil.copytree(source, target / part, dirs_exist_ok=True)
        else:
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / part)
    return target


PICTURES = ("dataset/exemplar", "dataset/synth", "dataset/laion_subset", "dataset/laion_subset_jpeg")
