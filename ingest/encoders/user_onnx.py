"""An ONNX model of the user's as `onnx:FILE`, with preprocessing from the file's folder or from options.

The file is copied into the store when it is first used; its encoder is called `onnx:` and the file's name
without `.onnx`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from ...runtime import Preprocessing
from ...store.errors import InvalidInputError
from .onnx_pixels import PixelInput, rebuild, value_shape
from .spec import EncoderSpec, RebuiltOnnx

PREFIX = "onnx:"
PROCESSOR = "preprocessor_config.json"
"""Hugging Face's description of a model's input, beside the model or one folder up."""

FLAGS = "pass --mean and --std (three numbers each, RGB), and --size where the model takes any"


AS_THEY_ARE: Mapping[str, Any] = MappingProxyType({"mean": (0.0,) * 3, "std": (1 / 255,) * 3})
"""Normalisation that leaves pixels as 0 to 255."""


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
    taken, dim = read_shapes(path)
    return EncoderSpec(
        name=short_name(name),
        dim=dim,
        preprocessing=_preprocessing(path, taken, dict(changes or {})),
        source=f"ONNX file {path.name}",
        license="see the publisher of the file",
        load=partial(load_file, path),
    )


def read_shapes(path: Path) -> tuple[PixelInput, int]:
    """What pixels the model takes, and the width of its features. Raises InvalidInputError."""
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
    inputs = [value for value in graph.input if value.name not in inner]
    outputs = [value_shape(value) for value in graph.output]
    taken = PixelInput.of(inputs[0]) if len(inputs) == 1 else None
    width = outputs[0][1] if outputs and len(outputs[0]) == 2 else None
    if taken is None or width is None:
        raise InvalidInputError(
            f"{path.name} takes {[value_shape(value) for value in inputs]} and returns {outputs}",
            hint="export the image tower alone: (images, 3, size, size) or (images, size, size, 3), float32 "
            "or uint8, to (images, dim), dim a number",
        )
    return taken, width


def load_file(path: Path, weights: Path | None = None) -> Path | RebuiltOnnx:
    """The file as it is, or with the operators that bring it the pixels it takes; `weights` is another file.

    Raises as `read_shapes` and `rebuild`.
    """
    found = weights or path
    taken, _ = read_shapes(found)
    return found if taken.as_encoder else rebuild(found, taken)


def _preprocessing(path: Path, taken: PixelInput, changes: dict[str, Any]) -> Preprocessing:
    """From `changes`, else from the file's folder. InvalidInputError where neither has a value.

    A model that takes uint8 normalises pixels itself: it gets them as they are.
    """
    size = taken.size
    if taken.whole_numbers and {"mean", "std"} & changes.keys():
        raise InvalidInputError(
            f"{path.name} takes uint8 pixels and normalises them itself", hint="leave --mean and --std out"
        )
    config = next(
        (folder / PROCESSOR for folder in path.resolve().parents[:2] if (folder / PROCESSOR).is_file()), None
    )
    known = from_processor(config) if config else {}
    if size is not None:
        known = known | {"size": size, "resize": known.get("resize", size)}
        if known["resize"] is not None and known["resize"] < size:
            known["resize"] = size
    found = {**known, **(AS_THEY_ARE if taken.whole_numbers else {}), **changes}
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
