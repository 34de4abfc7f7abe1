"""The embedded world: real open-licensed icons and a small latent text-to-image model trained on them.

The packaged files are found here; importing this package loads neither torch nor diffusers. How the
files were made is in build.py and beside it, who drew the images is in NOTICE.md.
"""

from __future__ import annotations

from pathlib import Path

WORLD_NAME = "world"
WORLD_DIR = Path(__file__).parent


def images_path() -> Path:
    """The Parquet file of all images: a row an image, PNG bytes in the column `image`."""
    return WORLD_DIR / "data" / "world.parquet"


def model_path() -> Path:
    """The generator's folder, as diffusers' StableDiffusionPipeline saves it, fp16."""
    return WORLD_DIR / "model"


def notice_path() -> Path:
    """Who made the images, under which licence."""
    return WORLD_DIR / "NOTICE.md"


__all__ = ["WORLD_DIR", "WORLD_NAME", "images_path", "model_path", "notice_path"]
