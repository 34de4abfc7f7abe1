"""Inference without torch: decode an image, encode it with ONNX Runtime, map it, compute influence.

Imports `store` only. ONNX Runtime is imported by the first call that needs it, so a query starts without it.
"""

from .composed_maps import BiasedImageMapper, BiasedSampleMapper, Block, BlocksMapper
from .composite import (
    CompositeEncoder,
    EncoderPart,
    composite_parts,
    encoder_parts,
    load_image_encoder,
)
from .decode import PIXEL_LIMIT, BadImageError, decode_image
from .encoder import OnnxEncoder, load_encoder
from .influence import cutoff, influence, influence_terms
from .mapper import MapperPair, normalise
from .mapper_kinds import ChannelMapper, LinearMapper, MlpMapper
from .model_files import has_text_tower
from .preprocess import Preprocessing
from .text_encoder import TextEncoder, load_text_encoder

__all__ = [
    "PIXEL_LIMIT",
    "BadImageError",
    "BiasedImageMapper",
    "BiasedSampleMapper",
    "Block",
    "BlocksMapper",
    "ChannelMapper",
    "CompositeEncoder",
    "EncoderPart",
    "LinearMapper",
    "MapperPair",
    "MlpMapper",
    "OnnxEncoder",
    "Preprocessing",
    "TextEncoder",
    "composite_parts",
    "cutoff",
    "decode_image",
    "encoder_parts",
    "has_text_tower",
    "influence",
    "influence_terms",
    "load_encoder",
    "load_image_encoder",
    "load_text_encoder",
    "normalise",
]
