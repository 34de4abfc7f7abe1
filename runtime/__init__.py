"""Inference without torch: decode an image, encode it with ONNX Runtime, map it, weigh its influences.

Imports `store` only, so a query or a service starts without a deep-learning framework.
"""

from .decode import PIXEL_LIMIT, BadImageError, decode_image
from .encoder import OnnxEncoder, load_encoder
from .influence import cutoff, influence
from .mapper import MapperPair, normalise
from .mapper_kinds import ChannelMapper, LinearMapper, MlpMapper
from .preprocess import Preprocessing

__all__ = [
    "PIXEL_LIMIT",
    "BadImageError",
    "ChannelMapper",
    "LinearMapper",
    "MapperPair",
    "MlpMapper",
    "OnnxEncoder",
    "Preprocessing",
    "cutoff",
    "decode_image",
    "influence",
    "load_encoder",
    "normalise",
]
