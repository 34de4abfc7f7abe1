"""Export an encoder into a store, held to its source on real images."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ...runtime import OnnxEncoder
from ...store import Store
from ...store.errors import InvalidInputError
from .onnx_files import OnnxFiles, adopt, write_row
from .parity import MIN_COSINE, Example, Parity, compare, stored_examples
from .registry import encoder_name, get_encoder
from .spec import FP32, EncoderSpec, Network, RebuiltOnnx, split_name, variant_name
from .variants import export_variant, is_current

SAMPLE_IMAGES = 16


def ensure_encoder(
    store: Store,
    name: str,
    weights: Path | None = None,
    *,
    precision: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> str:
    """Export the encoder `name` in `precision` where the store does not have it, or `weights` are given.

    A variant is made of the fp32 encoder, which is exported first, and made again when that has changed.

    Args:
        store: the store, with images in it.
        name: as `get_encoder` takes it; a variant's name says its precision, as `vit-b16@int8`.
        weights: a file to take the weights from, instead of what the encoder's spec says.
        precision: 'fp32', 'fp16' or 'int8'; left out, what the name says, else fp32.
        changes: what to change in its preprocessing, as `get_encoder` takes it.

    Returns:
        The name under which the store has it.

    Raises what `export_encoder` and `export_variant` do.
    """
    source, said = split_name(name)
    base, chosen = encoder_name(source), precision or said
    wanted = variant_name(base, chosen)
    if weights is not None or changes or not store.existing("encoders", [base]):
        examples = stored_examples(store, SAMPLE_IMAGES)
        pictures, captions = [one.image for one in examples], [one.caption for one in examples]
        export_encoder(store, get_encoder(source, changes), weights, pictures, captions)
    if wanted != base and not is_current(store, wanted, base):
        export_variant(store, base, chosen)
    return wanted


def export_encoder(
    store: Store,
    spec: EncoderSpec,
    weights: Path | None,
    sample_images: Sequence[Image.Image],
    captions: Sequence[str] = (),
) -> Parity | None:
    """Write the ONNX files and the `encoders` row of `spec`, unless ONNX and its source disagree.

    `captions` are those of the sample images, for encoders that look at them; '' where there are none.

    Returns how far they differ; None for what was an ONNX file before: there is nothing to compare with.

    Raises:
        InvalidInputError: no sample images, weights that do not fit, or parity below `MIN_COSINE`.
        ConflictError: the store holds features of other weights under this name.
    """
    if not sample_images:
        raise InvalidInputError(
            f"no image to compare torch and ONNX of {spec.name} on", hint="ingest images first"
        )
    texts = captions or [""] * len(sample_images)
    examples = [Example(image, text) for image, text in zip(sample_images, texts, strict=True)]
    network = spec.load(weights)
    beside = spec.beside(weights) if spec.beside else {}
    with tempfile.TemporaryDirectory() as folder:
        files = _write(network, spec, Path(folder))
        encoder = OnnxEncoder(files.model, spec.preprocessing, beside=beside)
        if spec.dim not in (0, encoder.dim):
            raise InvalidInputError(
                f"{spec.name} returns {encoder.dim} dimensions, not {spec.dim}", hint="check the weights file"
            )
        parity = compare(network, encoder, examples)
        if parity and not parity.min_cosine >= MIN_COSINE:  # also when it is NaN
            raise InvalidInputError(
                f"ONNX and torch disagree on {spec.name}: cosine {parity.min_cosine:.6f}, least {MIN_COSINE}",
                hint="report this with the versions of torch and onnxruntime; no feature was written",
            )
        write_row(store, _row(spec, weights, files, parity) | {"dim": encoder.dim}, files, beside)
    return parity


def _write(network: Network, spec: EncoderSpec, folder: Path) -> OnnxFiles:
    """`network` as ONNX files in `folder`."""
    if isinstance(network, RebuiltOnnx):
        rebuilt = folder / "rebuilt.onnx"
        rebuilt.write_bytes(network.model)
        return adopt(rebuilt, folder)
    if isinstance(network, Path):
        return adopt(network, folder, captions=spec.captions)
    from .onnx_export import to_onnx

    return to_onnx(network, spec, folder)


def _row(spec: EncoderSpec, weights: Path | None, files: OnnxFiles, parity: Parity | None) -> dict[str, Any]:
    return {
        "encoder": spec.name,
        "size": spec.size,
        "preprocessing": spec.preprocessing.to_json(),
        "source": spec.source if weights is None else f"{spec.source}; weights from {weights.name}",
        "license": spec.license,
        "opset": files.opset(),
        "parity_max_abs": parity.max_abs if parity else None,
        "parity_min_cosine": parity.min_cosine if parity else None,
        "precision": FP32,
    }
