"""The folder of a base in diffusers' layout: which kind of base it is, what parts it has, and its sizes.

Reads only the small JSON files.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...store import InvalidInputError

SUPPORTED = "use a pipeline of Stable Diffusion or Flux in diffusers' layout, a single file, or `world`"


@dataclass(frozen=True)
class Layout:
    """What the folder of one kind of base holds.

    Attributes:
        kind: as methods' defaults name it.
        network: the part that predicts noise.
        parts: folders that must be there.
        optional: folders that may be.
        cells: latent cells a side that such a base is trained on, where it does not say so itself.
        patch: latent cells a side of one token of the network; 1 where it takes cells.
    """

    kind: str
    network: str
    parts: tuple[str, ...]
    optional: tuple[str, ...] = ()
    cells: int = 64
    patch: int = 1


_TWO_ENCODERS = ("scheduler", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
LAYOUTS = {
    "StableDiffusionPipeline": Layout(
        "sd", "unet", ("scheduler", "text_encoder", "tokenizer", "unet", "vae")
    ),
    "StableDiffusionXLPipeline": Layout("sdxl", "unet", (*_TWO_ENCODERS, "unet", "vae"), cells=128),
    "StableDiffusion3Pipeline": Layout(
        "sd3",
        "transformer",
        (*_TWO_ENCODERS, "transformer", "vae"),
        ("text_encoder_3", "tokenizer_3"),
        cells=128,
        patch=2,
    ),
    "FluxPipeline": Layout("flux", "transformer", (*_TWO_ENCODERS, "transformer", "vae"), cells=128, patch=2),
}
"""The kinds of base by the class that `model_index.json` names; other classes with the parts of the first are
taken as it."""


def read_layout(folder: Path) -> Layout:
    """The layout of the base in `folder`. Raises InvalidInputError where it cannot be read."""
    file = folder / "model_index.json"
    index = read_json(file) if file.is_file() else {}
    known = LAYOUTS.get(str(index.get("_class_name")))
    if known is None and ("text_encoder_2" in index or "transformer" in index):
        raise InvalidInputError(
            f"{folder} holds a {index.get('_class_name')}, which is not supported", hint=SUPPORTED
        )
    return known or LAYOUTS["StableDiffusionPipeline"]


def base_kind(folder: Path) -> str:
    """The kind of base that methods know: 'sd' (Stable Diffusion 1.x and 2.x), 'sdxl', 'sd3' or 'flux'."""
    return read_layout(folder).kind


def check_layout(folder: Path, base: str) -> None:
    """Raise InvalidInputError unless `folder` holds a base that can be customized."""
    if not (folder / "model_index.json").is_file():
        raise InvalidInputError(
            f"{base} is not a Stable Diffusion pipeline: it lacks model_index.json", hint=SUPPORTED
        )
    layout = read_layout(folder)
    missing = [part for part in layout.parts if not (folder / part).is_dir()]
    if missing:
        raise InvalidInputError(
            f"{base} is not a Stable Diffusion pipeline: it lacks {', '.join(missing)}", hint=SUPPORTED
        )
    if layout.network == "unet" and not _has_cross_attention(read_json(folder / "unet" / "config.json")):
        raise no_cross_attention_error(base)


def no_cross_attention_error(base: str) -> InvalidInputError:
    """The error for a UNet without text conditioning by cross-attention."""
    return InvalidInputError(
        f"{base} has no cross-attention, so there are no K and V projections to customize", hint=SUPPORTED
    )


def folders_of(folder: Path) -> list[str]:
    """The parts of the base in `folder`, in the order that its id has them in."""
    layout = read_layout(folder)
    return [*layout.parts, *(part for part in layout.optional if (folder / part).is_dir())]


def native_resolution(folder: Path) -> int:
    """Pixels a side that the base was trained on: its network's `sample_size` times the VAE's reduction."""
    layout = read_layout(folder)
    cells = read_json(folder / layout.network / "config.json").get("sample_size")
    return (cells if isinstance(cells, int) else layout.cells) * vae_reduction(folder)


def vae_reduction(folder: Path) -> int:
    """Pixels a side of one latent cell: every block of the VAE but the last halves the picture."""
    blocks = read_json(folder / "vae" / "config.json").get("block_out_channels") or [0] * 4
    return int(2 ** (len(blocks) - 1))


def resolution_step(folder: Path) -> int:
    """Pixels that a resolution must be a multiple of."""
    return vae_reduction(folder) * read_layout(folder).patch


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file. Raises InvalidInputError."""
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", hint=SUPPORTED) from error
    return value


def _has_cross_attention(unet: dict[str, Any]) -> bool:
    blocks = [
        unet.get("mid_block_type"),
        *unet.get("down_block_types", ()),
        *unet.get("up_block_types", ()),
    ]
    return any("CrossAttn" in str(block) and "Simple" not in str(block) for block in blocks)
