"""An ONNX model of the user's as `onnx:FILE`, with preprocessing from the file's folder or from options.

The file is copied into the store when it is first used; its encoder is called `onnx:` and the file's name
without `.onnx`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from ...runtime import Preprocessing
from ...store.errors import InvalidInputError
from .spec import EncoderSpec

PREFIX = "onnx:"
PROCESSOR = "preprocessor_config.json"
"""Hugging Face's description of a model's input, beside the model or one folder up."""

FLAGS = "pass --mean and --std (three numbers each, RGB), and --size where the model takes any"


def short_name(name: str) -> str:
    """The encoder's name in a store: `onnx:/models/My.onnx` is `onnx:my`."""
    return PREFIX + Path(name.removeprefix(PREFIX)).name.lower().removesuffix(".onnx")


def spec(name: str, changes: Mapping[str, Any] | None = None) -> EncoderSpec:
    """The spec of `onnx:FILE`.

    Args:
        name: with the file's path.
        changes: preprocessing by flags: size, resize, interpolation, mean, std.

    Raises:
        InvalidInputError: no such file, no image encoder, or unknown preprocessing.
    """
    path = Path(name.removeprefix(PREFIX)).expanduser()
    size, dim = shapes(path)
    return EncoderSpec(
        name=short_name(name),
        dim=dim,
        preprocessing=_preprocessing(path, size, dict(changes or {})),
        source=f"ONNX file {path.name}",
        license="see the publisher of the file",
        load=partial(_load, path),
    )


def shapes(path: Path) -> tuple[int | None, int]:
    """Side of the square input (None: any) and width of the features. Raises InvalidInputError."""
    import onnx

    if not path.is_file():
        raise InvalidInputError(f"there is no ONNX file {path}", hint="use onnx:FILE with a path that exists")
    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception as error:  # protobuf's own classes
        raise InvalidInputError(
            f"{path.name} is no ONNX model: {error}", hint="pass an .onnx file"
        ) from error
    inner = {tensor.name for tensor in graph.initializer}
    inputs = [_shape(value) for value in graph.input if value.name not in inner]
    outputs = [_shape(value) for value in graph.output]
    pictures = len(inputs) == 1 and len(inputs[0]) == 4 and inputs[0][1] in (3, None)
    square = pictures and inputs[0][2] == inputs[0][3]
    width = outputs[0][1] if outputs and len(outputs[0]) == 2 else None
    if not square or width is None:
        raise InvalidInputError(
            f"{path.name} takes {inputs} and returns {outputs}",
            hint="export the image tower alone: (images, 3, size, size) to (images, dim), dim a number",
        )
    return inputs[0][2], width


def _load(path: Path, weights: Path | None = None) -> Path:
    return weights or path


def _shape(value: Any) -> tuple[int | None, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else None for side in sides)


def _preprocessing(path: Path, size: int | None, changes: dict[str, Any]) -> Preprocessing:
    """From `changes`, else from the file's folder. InvalidInputError where neither has a value."""
    config = next(
        (folder / PROCESSOR for folder in path.resolve().parents[:2] if (folder / PROCESSOR).is_file()), None
    )
    known = from_processor(config) if config else {}
    if size is not None:
        known = known | {"size": size, "resize": known.get("resize", size)}
        if known["resize"] is not None and known["resize"] < size:
            known["resize"] = size
    found = known | changes
    if "size" in changes and "resize" not in changes:
        found["resize"] = changes["size"]
    missing = [name for name in ("size", "mean", "std") if name not in found]
    if missing:
        raise InvalidInputError(
            f"nothing says {' and '.join(missing)} of the input of {path.name}", hint=FLAGS
        )
    if size is not None and found["size"] != size:
        raise InvalidInputError(
            f"{path.name} takes {size} pixels, not {found['size']}", hint="leave --size out"
        )
    return Preprocessing(**found)


def from_processor(path: Path) -> dict[str, Any]:
    """The settings of a Hugging Face image processor's JSON, as arguments of Preprocessing."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        resize, crop = config.get("size"), config.get("crop_size") if config.get("do_center_crop") else None
        side = resize if isinstance(resize, int) else (resize or {}).get("shortest_edge")
        square = crop if isinstance(crop, int) else (crop or {}).get("height")
        stretched = (resize or {}).get("height") if isinstance(resize, dict) else None
        found: dict[str, Any] = {"size": square or side or stretched, "resize": side}
        if config.get("do_normalize", True):
            found |= {"mean": tuple(config["image_mean"]), "std": tuple(config["image_std"])}
        else:
            found |= {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
        found["interpolation"] = Image.Resampling(config.get("resample", 2)).name.lower()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", hint=FLAGS) from error
    return {key: value for key, value in found.items() if key == "resize" or value is not None}
