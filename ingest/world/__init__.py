"""The embedded world: real open-licensed icons and a small latent text-to-image model trained on them.

This module locates the packaged files; importing it loads neither torch nor diffusers. `build` makes the
files, NOTICE.md credits the creators of the images.
"""

from __future__ import annotations

from pathlib import Path

WORLD_NAME = "world"
"""What `--base` calls the world's generator."""

WORLD_DIR = Path(__file__).parent
"""The folder of its data and model in the installed package."""


def images_path() -> Path:
    """The Parquet file of all images: one row an image, PNG bytes in the column `image`."""
    return WORLD_DIR / "data" / "world.parquet"


def model_path() -> Path:
    """The generator's folder in the layout of diffusers' StableDiffusionPipeline, fp16."""
    return WORLD_DIR / "model"


def notice_path() -> Path:
    """The credits: creator and licence of every icon set."""
    return WORLD_DIR / "NOTICE.md"


__all__ = ["WORLD_DIR", "WORLD_NAME", "images_path", "model_path", "notice_path"]
