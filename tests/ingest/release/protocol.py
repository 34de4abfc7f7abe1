"""The published protocol on what a release holds, worked out by sorting: metrics by case and scheme."""

import numpy as np
import torch

from .official import GALLERY, Official


def unit(official: Official, encoder: str, mapper: str, side: int, paths: list[str]) -> np.ndarray:
    """Mapped and normalised features of `paths` in torch; side 0 is of real images, 1 of samples."""
    rows = torch.from_numpy(np.stack([official.vectors[encoder][path] for path in paths]))
    with torch.no_grad():
        mapped = rows if mapper == "none" else official.modules[encoder, mapper][side](rows)
    return torch.nn.functional.normalize(mapped.double(), dim=-1).numpy()


def published(official: Official, encoder: str, mapper: str) -> dict[tuple[str, str], list[float]]:
    """(case, scheme) -> samples, recall at 5, 10, 100, mAP: concatenate, sort, look where exemplars are."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    gallery = unit(official, encoder, mapper, 0, GALLERY)
    for case, entries in official.entries.items():
        for entry in entries:
            pool = np.concatenate([gallery, unit(official, encoder, mapper, 0, entry["exemplar"])])
            for scheme, paths in entry["synth"].items():
                for sample in unit(official, encoder, mapper, 1, paths):
                    order = np.argsort(-(pool @ sample))
                    hits = np.flatnonzero(order >= len(gallery)) + 1
                    recalls = [float((hits <= k).mean()) for k in (5, 10, 100)]
                    precision = float((np.arange(1, len(hits) + 1) / hits).mean())
                    found.setdefault((case, scheme), []).append([*recalls, precision])
    return {key: [len(rows), *np.mean(rows, axis=0)] for key, rows in found.items()}
