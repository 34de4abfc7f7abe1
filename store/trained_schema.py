"""What a row is of the tables of what was trained or measured for an encoder and mapper."""

import pyarrow as pa

from .columns import STRINGS, TIMESTAMP, blob, key, text

MAPPERS = pa.schema(
    [
        key("mapper_id"),  # key_id(encoder, mapper)
        text("encoder", null=False),
        text("mapper", null=False),
        text("kind"),
        blob("weights"),  # safetensors: real.weight, real.bias, synth.weight, synth.bias
        text("config"),  # JSON
        text("history"),  # JSON
        pa.field("best_epoch", pa.int32()),
        text("table_versions"),  # JSON
        pa.field("created", TIMESTAMP),
    ]
)

CALIBRATIONS = pa.schema(
    [
        key("calibration_id"),  # key_id(encoder, mapper)
        text("encoder", null=False),
        text("mapper", null=False),  # 'none' is raw features
        pa.field("tau", pa.float64(), nullable=False),
        pa.field("lambda", pa.float64(), nullable=False),
        text("config"),  # JSON
        text("history"),  # JSON
        pa.field("kl_before", pa.float64()),
        pa.field("kl_after", pa.float64()),
        text("table_versions"),  # JSON
        pa.field("created", TIMESTAMP),
        text("law"),  # paper (null too): eq. 6 | spread: tau is 1 / a of an uncrowded query, lambda 0
        text("parameters"),  # JSON, of spread: by concept kind, 'all' for an unknown one
        text("mapper_digest"),  # of spread: the mapper that it was fitted on
    ]
)

GALLERY_MOMENTS = pa.schema(
    [
        key("moments_id"),  # key_id(encoder, mapper)
        text("encoder", null=False),
        text("mapper", null=False),  # 'none' is raw features
        text("gallery", null=False),  # the collection
        pa.field("count", pa.int64(), nullable=False),  # images with a vector
        text("digest", null=False),  # of their ids
        text("mapper_digest", null=False),  # of the mapper's weights; 'none' of raw features
        blob("moments"),  # safetensors: mean (dim,), covariance (dim, dim), float64
        pa.field("created", TIMESTAMP),
    ]
)

EVIDENCE = pa.schema(
    [
        key("evidence_id"),  # key_id(encoder, mapper, basis, place of the range)
        text("encoder", null=False),
        text("mapper", null=False),  # 'none' is raw features
        text("basis", null=False),  # share (of the most similar image) | p_none
        pa.field("low", pa.float64(), nullable=False),  # the range: at least low, and below high
        pa.field("high", pa.float64(), nullable=False),
        pa.field("pictures", pa.int64(), nullable=False),  # test pictures in the range
        pa.field("models", pa.int64(), nullable=False),  # that drew them
        pa.field("top_right", pa.int64(), nullable=False),  # pictures whose top image is a true source
        text("split", null=False),
        pa.field("pool_size", pa.int64(), nullable=False),  # images that each was compared with
        text("mapper_digest", null=False),  # of the mapper's weights; 'none' of raw features
        text("law_digest", null=False),  # of the calibration, or of the abstention
        text("inputs", null=False),  # digest of all that the numbers depend on
        pa.field("created", TIMESTAMP),
    ]
)

ABSTENTIONS = pa.schema(
    [
        key("abstention_id"),  # key_id(encoder, mapper)
        text("encoder", null=False),
        text("mapper", null=False),  # 'none' is raw features
        pa.field("model_ids", STRINGS, nullable=False),  # whose samples the scores are of
        text("scores", null=False),  # JSON: a list of {kind, null, exemplars}, a model each
        pa.field("pool_size", pa.int64(), nullable=False),  # images that these were compared with
        text("pool_digest", null=False),  # ids_digest of these
        text("mapper_digest", null=False),  # of the mapper's weights; 'none' of raw features
        text("config"),  # JSON
        text("table_versions"),  # JSON
        pa.field("created", TIMESTAMP),
    ]
)
