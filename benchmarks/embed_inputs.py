"""Inputs of the embedding benchmark: images with the spectrum of photographs, and random weights."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from attribase.store import Store, content_id
from PIL import Image

SIDE, QUALITY = 512, 90
DISTINCT = 64  # images; the others are the same pixels in another file


def picture(seed: int) -> bytes:
    """Noise whose amplitude falls with frequency as that of photographs does, as a JPEG."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij"))
    frequency[0, 0] = 1 / SIDE
    planes = []
    for _ in range(3):
        real, imaginary = rng.normal(size=(2, *frequency.shape))
        plane = np.fft.irfft2((real + 1j * imaginary) / frequency**1.45, (SIDE, SIDE))
        planes.append((plane - plane.mean()) / plane.std())
    colours = [planes[0], *(0.8 * planes[0] + 0.2 * plane for plane in planes[1:])]
    pixels = (np.stack(colours, -1) * 50 + 128).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def files(count: int) -> Iterator[bytes]:
    """`count` JPEG files, no two the same: a comment before the end differs."""
    pictures = [picture(seed) for seed in range(min(DISTINCT, count))]
    for number in range(count):
        data = pictures[number % len(pictures)]
        yield data[:-2] + b"\xff\xfe\x00\x0a%08d" % number + data[-2:]


def fill(folder: Path, count: int) -> Store:
    """A store of `count` images."""
    store, rows = Store.create(folder), []
    for data in files(count):
        rows.append({"image_id": content_id(data), "bytes": data, "width": SIDE, "height": SIDE})
        if len(rows) == 1000:
            store.upsert("images", rows)
            rows = []
    store.upsert("images", rows) if rows else None
    return store


def random_vit(path: Path) -> Path:
    """Write random weights for `vit-b16`."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    save_file(timm.create_model("vit_base_patch16_224", pretrained=False).state_dict(), path)
    return path


class ImageFiles:
    """A torch data set: the files of a folder, through torchvision's transforms."""

    def __init__(self, folder: Path, size: int, resize: int) -> None:
        from torchvision import transforms

        self.files = sorted(folder.iterdir())
        mean = std = (0.5, 0.5, 0.5)
        self.transform = transforms.Compose(
            [
                transforms.Resize(resize, transforms.InterpolationMode.BICUBIC),
                transforms.CenterCrop(size),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int):
        return self.transform(Image.open(self.files[number]).convert("RGB"))
