"""Export a torch module to ONNX files: with a dynamic batch, and the same bytes on every run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime.encoder import IMAGES, TOKEN_IDS
from ...runtime.tokens import CAPTION_TOKENS
from .onnx_files import OPSET, OUTPUT, OnnxFiles, save
from .silence import silence_conversion
from .spec import EncoderSpec, TextTower

if TYPE_CHECKING:
    import torch


def to_onnx(module: torch.nn.Module, spec: EncoderSpec, folder: Path) -> OnnxFiles:
    """Write the ONNX model of `module` into `folder`.

    Inputs: `images` (n, 3, size, size) float32 and, where the spec says captions, `tokens` (n, 77) int64.
    Output: `features` (n, dim) float32. Weights above `onnx_files.EXTERNAL_BYTES` get a second file.
    """
    import torch

    # A batch of 1 would become a constant.
    examples: tuple[torch.Tensor, ...] = (torch.zeros(2, 3, spec.size, spec.size),)
    if spec.captions:
        examples += (torch.zeros(2, CAPTION_TOKENS, dtype=torch.int64),)
    return _to_files(module, examples, [IMAGES, TOKEN_IDS][: len(examples)], folder)


def text_to_onnx(tower: TextTower, folder: Path) -> OnnxFiles:
    """Write the ONNX model of a text tower: `tokens` (n, length) int64 to `features` (n, dim) float32."""
    import torch

    tokens = torch.zeros(2, tower.length, dtype=torch.int64)
    tokens[:, 1] = 1  # where a tower looks for the largest id
    return _to_files(tower.module, (tokens,), [TOKEN_IDS], folder)


def _to_files(
    module: torch.nn.Module, examples: tuple[Any, ...], names: list[str], folder: Path
) -> OnnxFiles:
    import onnx
    import torch

    raw = folder / "exported" / "model.onnx"
    raw.parent.mkdir(parents=True)
    with silence_conversion(), torch.inference_mode():
        if isinstance(module, torch.jit.ScriptModule):  # what torch.export does not take
            axes = {name: {0: "n"} for name in (*names, OUTPUT)}
            _export(module, examples, raw, names, dynamo=False, dynamic_axes=axes)
        else:
            batch = tuple({0: torch.export.Dim("n")} for _ in examples)
            _export(module, examples, raw, names, dynamo=True, dynamic_shapes=batch, external_data=True)
    model = onnx.load(raw, load_external_data=True)
    shutil.rmtree(raw.parent)  # weights may be gigabytes: not twice on the disk
    _strip(model)
    return save(model, folder)


def _export(module: Any, examples: tuple[Any, ...], path: Path, names: list[str], **how: Any) -> None:
    import torch

    torch.onnx.export(
        module,
        examples,
        path,
        input_names=names,
        output_names=[OUTPUT],
        opset_version=OPSET,
        verbose=False,
        **how,
    )


def _strip(model: Any) -> None:
    """Remove the exporter's metadata: its stack traces hold paths of the machine."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
