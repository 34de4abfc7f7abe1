"""The encoders: frozen networks that turn an image into a feature, exported to ONNX files of the store.

`registry` knows them by name, a module for each family loads its weights, `export` writes the ONNX files and
compares them with their source, `variants` makes fp16 and int8 of them. Importing this loads no framework.
"""

from .export import ensure_encoder, export_encoder
from .parity import MIN_COSINE, Parity
from .registry import ENCODERS, FAMILIES, encoder_name, get_encoder
from .spec import EncoderSpec

__all__ = [
    "ENCODERS",
    "FAMILIES",
    "MIN_COSINE",
    "EncoderSpec",
    "Parity",
    "encoder_name",
    "ensure_encoder",
    "export_encoder",
    "get_encoder",
]
