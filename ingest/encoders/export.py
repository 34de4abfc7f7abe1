"""Export an encoder into a store, after its ONNX files are compared with their source on real images."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ...runtime import OnnxEncoder, Preprocessing
from ...runtime.color_profiles import IGNORE
from ...store import Store
from ...store.errors import InvalidInputError
from ...store.lookup import quote
from .composite import check_composite, part_names, write_composite
from .onnx_files import OnnxFiles, import_onnx, write_row
from .parity import MIN_COSINE, Example, Parity, check_repeatable, compare, stored_examples
from .registry import encoder_name, get_encoder
from .spec import FP32, EncoderSpec, Network, RebuiltOnnx, split_name, variant_name
from .text_tower import export_text_tower
from .variants import export_variant, is_current

EXAMPLES = 16
"""Images that an exported encoder and its source are compared on."""


def ensure_encoder(
    store: Store,
    name: str,
    weights: Path | None = None,
    *,
    precision: str | None = None,
    changes: Mapping[str, Any] | None = None,
    announce: Callable[[str], None] = lambda _: None,
) -> str:
    """Export the encoder `name` in `precision` where the store does not have it, or `weights` are given.

    A variant is made of the fp32 encoder, which is exported first, and made again when that has changed. Of
    a composite, as `efficientnet-lite0+thumbnail`, every part is exported, as it is named.

    Args:
        store: the store, with images in it.
        name: as `get_encoder` takes it, a variant's, as `vit-b16@int8`, or several joined by `+`.
        weights: a file to load the weights from; None: where the encoder's spec says.
        precision: 'fp32', 'fp16' or 'int8'; None: that of the name, else fp32.
        changes: what to change in its preprocessing, as `get_encoder` takes it.
        announce: is given a line before each export, which takes seconds to minutes.

    Returns:
        The name under which the store has it.

    Raises as `export_encoder`, `export_variant` and `write_composite`.
    """
    parts = [] if _is_single(store, name) else part_names(name)
    if parts:
        if weights is not None or changes or precision not in (None, FP32):
            raise InvalidInputError(
                f"{name} is a composite: weights, precision and preprocessing are its parts'",
                hint=f"embed its parts with these options first: --encoder {parts[0]}; "
                "a part may be a variant: NAME@int8",
            )
        check_composite([_stored_name(part) for part in parts])  # before anything is exported
        return write_composite(store, [ensure_encoder(store, part, announce=announce) for part in parts])
    source, named = split_name(name)
    base, chosen = encoder_name(source), precision or named
    variant = variant_name(base, chosen)
    if weights is not None or changes or not store.existing("encoders", [base]):
        announce(f"exporting {base} to ONNX and comparing it with its source, once a store")
        examples = stored_examples(store, EXAMPLES)
        images, captions = [one.image for one in examples], [one.caption for one in examples]
        spec = get_encoder(source, {**_kept(store, base), **(changes or {})})
        export_encoder(store, spec, weights, images, captions)
    if variant != base and not is_current(store, variant, base):
        announce(f"making {variant} of {base}")
        export_variant(store, base, chosen)
    return variant


def _is_single(store: Store, name: str) -> bool:
    """Whether the store has an encoder of this very name that is no composite."""
    rows = store.read("encoders", ["encoder", "parts"]).to_pylist()
    return any(row["encoder"] == encoder_name(name) and not row["parts"] for row in rows)


def _stored_name(name: str) -> str:
    """The name that the store has, or will have, for an encoder that is no composite."""
    base, precision = split_name(name)
    return variant_name(encoder_name(base), precision)


def export_encoder(
    store: Store,
    spec: EncoderSpec,
    weights: Path | None,
    images: Sequence[Image.Image],
    captions: Sequence[str] = (),
) -> Parity | None:
    """Write the ONNX files and the `encoders` row of `spec`, unless ONNX and its source disagree.

    Args:
        store: gets the files and the row.
        spec: the encoder.
        weights: a file to load its weights from; None: where `spec` says.
        images: what ONNX and its source are compared on.
        captions: of the images, for encoders that take captions and for text towers; '' where there is none.

    Returns:
        How far they differ; None for an ONNX file that is stored as it is.

    Raises:
        InvalidInputError: no images, weights that do not fit, parity below `MIN_COSINE`, or a network that
            answers the same picture differently.
        ConflictError: the store holds features of other weights under this name.
    """
    if not images:
        raise InvalidInputError(
            f"no image to compare torch and ONNX of {spec.name} on", hint="ingest images first"
        )
    texts = captions or [""] * len(images)
    examples = [Example(image, text) for image, text in zip(images, texts, strict=True)]
    network = spec.load(weights)
    extra_files = spec.extra_files(weights) if spec.extra_files else {}
    with tempfile.TemporaryDirectory() as folder:
        files = _write(network, spec, Path(folder))
        encoder = OnnxEncoder(files.model, spec.preprocessing, extra_files=extra_files)
        if spec.dim not in (0, encoder.dim):
            raise InvalidInputError(
                f"{spec.name} returns {encoder.dim} dimensions, not {spec.dim}", hint="check the weights file"
            )
        check_repeatable(encoder, spec.name, examples)
        parity = compare(network, encoder, examples)
        if parity and not parity.min_cosine >= MIN_COSINE:  # also when it is NaN
            raise InvalidInputError(
                f"ONNX and torch disagree on {spec.name}: cosine {parity.min_cosine:.6f}, least {MIN_COSINE}",
                hint="report this with the versions of torch and onnxruntime; no feature was written",
            )
        text = export_text_tower(spec, weights, captions, Path(folder, "text"))
        row = _row(spec, weights, files, parity) | {"dim": encoder.dim}
        write_row(store, row, files, extra_files, text)
    return parity


def _kept(store: Store, name: str) -> dict[str, str]:
    """What stays of the preprocessing of an encoder of the store: of vectors made before, profiles too.

    Encoders of earlier versions and of the authors' release have ignored embedded profiles.
    """
    for row in store.read("encoders", ["encoder", "preprocessing"], f"encoder = {quote(name)}").to_pylist():
        text = row["preprocessing"]
        return {"profiles": Preprocessing.from_json(text).profiles if text else IGNORE}
    return {}


def _write(network: Network, spec: EncoderSpec, folder: Path) -> OnnxFiles:
    """`network` as ONNX files in `folder`."""
    if isinstance(network, RebuiltOnnx):
        rebuilt = folder / "rebuilt.onnx"
        rebuilt.write_bytes(network.model)
        return import_onnx(rebuilt, folder)
    if isinstance(network, Path):
        return import_onnx(network, folder, captions=spec.captions)
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
