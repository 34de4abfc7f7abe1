"""What a row is, table by table, in data order. Column types are in columns.py."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from .analysis_schema import ANALYSIS_TABLES
from .columns import STRINGS, TIMESTAMP, blob, key, text
from .ids import mapped_column
from .record_schema import FAILURES, JOBS, RIGHTS_LOG, TOMBSTONES
from .trained_schema import ABSTENTIONS, CALIBRATIONS, EVIDENCE, GALLERY_MOMENTS, MAPPERS

ENCODER_METADATA = b"attribase:encoder"

IMAGES = pa.schema(
    [
        key("image_id"),  # sha256 of the bytes, or of the uri when only referenced
        text("uri"),
        text("caption"),
        text("category"),
        text("creator"),
        text("license"),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        blob("bytes"),
        text("metadata"),  # JSON
        text("rights_holder"),  # who holds the rights, where that is not the creator
        text("license_url"),  # where the licence's text is
        text("reservation"),  # none | tdm | opt-out; null is not known, which is not 'none'
        text("source"),  # the data set, archive or site that the image was taken from
        pa.field("added", TIMESTAMP),  # when the row was made; null before this column was
    ]
)

MEMBERS = pa.schema([key("collection", position=1), key("image_id", position=2)])

MODELS = pa.schema(
    [
        key("model_id"),
        text("method", null=False),  # 'none' is the untouched base
        text("base_model"),
        text("concept_kind"),  # object | style | set
        text("concept"),
        text("category"),
        text("modifier_token"),
        text("training_prompt"),
        pa.field("exemplar_ids", STRINGS, nullable=False),
        text("case_name"),
        text("split"),  # train | val | test | control | check
        text("config"),  # JSON
        pa.field("seed", pa.int64()),
        pa.field("seconds", pa.float64()),
        blob("weights"),  # safetensors of only what changed
    ]
)

SAMPLES = pa.schema(
    [
        key("sample_id"),
        text("model_id"),  # null where no model of this store drew it (`ingest samples`)
        text("scheme"),
        text("prompt"),
        pa.field("seed", pa.int64()),
        pa.field("steps", pa.int32()),
        pa.field("guidance", pa.float64()),
        text("scheduler"),
        text("uri"),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        blob("bytes"),
        text("generator"),  # that drew it, as its file or table names it; null for those drawn here
        text("metadata"),  # JSON
        pa.field("created", TIMESTAMP),  # when it was generated; null where nothing says it
    ]
)

ENCODERS = pa.schema(
    [
        key("encoder"),
        pa.field("dim", pa.int32(), nullable=False),
        pa.field("size", pa.int32()),
        text("preprocessing"),  # JSON
        text("source"),
        text("license"),
        text("onnx_file"),  # relative to the store's files/
        text("onnx_sha256"),
        pa.field("opset", pa.int32()),
        pa.field("parity_max_abs", pa.float64()),
        pa.field("parity_min_cosine", pa.float64()),
        pa.field("text_parity_min_cosine", pa.float64()),  # of the text tower; null where there is none
        text("precision"),  # fp32 | fp16 | int8
        text("variant_of"),  # the fp32 encoder that this one was made of
        text("variant_of_sha256"),  # the model file of that one
        text("quantization"),  # of int8: 'static ...' (calibrated on stored images) or 'dynamic'
        pa.field("cosine_to_fp32_min", pa.float64()),  # of a variant, on stored images
        pa.field("cosine_to_fp32_mean", pa.float64()),
        text("files"),  # JSON: [{"file", "sha256", "bytes", "role": model | weights | beside}]
        text("parts"),  # of a composite, JSON: [{"encoder", "dim", "onnx_sha256"}], in order
        pa.field("exported_at", TIMESTAMP),
    ]
)

INDEXES = pa.schema(
    [
        key("index_id"),  # key_id(encoder, mapper)
        text("encoder", null=False),
        text("mapper", null=False),  # 'none' is raw features
        text("table_name", null=False),
        text("column_name", null=False),
        text("index_name", null=False),
        text("kind", null=False),  # IVF_RQ, IVF_SQ, ...
        text("metric", null=False),
        pa.field("dim", pa.int32(), nullable=False),
        pa.field("rows", pa.int64()),  # in the index when it was measured
        pa.field("partitions", pa.int32()),
        pa.field("nprobes", pa.int32()),  # partitions searched for k = 10
        pa.field("refine", pa.float64()),  # over-fetch factor: this many times k rows are compared in full
        pa.field("recall_10", pa.float64()),  # measured against exact search
        pa.field("nprobes_100", pa.int32()),  # the same for k = 100
        pa.field("refine_100", pa.float64()),
        pa.field("recall_100", pa.float64()),
        pa.field("nprobes_1000", pa.int32()),
        pa.field("refine_1000", pa.float64()),
        pa.field("recall_1000", pa.float64()),
        pa.field("target", pa.float64()),
        pa.field("queries", pa.int32()),  # measured with this many
        pa.field("milliseconds", pa.float64()),  # median of a query with k = 10
        pa.field("seconds", pa.float64()),  # to build
        pa.field("bytes", pa.int64()),
        pa.field("table_version", pa.int64()),  # the first with this index
        pa.field("created", TIMESTAMP),
    ]
)

RANKS = pa.schema(
    [
        key("run_id", position=1),
        key("sample_id", position=2),
        key("image_id", position=3),
        pa.field("rank", pa.int64(), nullable=False),  # 1 is best
        pa.field("similarity", pa.float32()),
        pa.field("pool_size", pa.int64()),
        # Numbers, so that metrics over 10^7 ranks group and weigh without touching a string.
        pa.field("run_number", pa.int64()),  # run_number(run_id)
        pa.field("place", pa.int32()),  # 1 is the best ranked of the sample's exemplars
        pa.field("exemplars", pa.int32()),  # how many exemplars the sample has
    ]
)

RUNS = pa.schema(
    [
        key("run_id"),
        text("encoder", null=False),
        text("mapper", null=False),
        text("case_name"),
        text("split"),
        text("gallery"),
        text("table_versions"),  # JSON
        text("code_version"),
        pa.field("started", TIMESTAMP),
        pa.field("seconds", pa.float64()),
        text("scheme"),
        pa.field("run_number", pa.int64()),  # run_number(run_id): joins ranks
        pa.field("samples", pa.int64()),  # that were ranked
    ]
)

RETRIEVALS = pa.schema(
    [
        key("run_id", position=1),  # of all that the numbers depend on
        key("image_id", position=2),  # the query
        text("encoder", null=False),
        text("mapper", null=False),  # 'none' is raw features
        text("label", null=False),  # the field that images are compared by
        text("query_collection"),  # null: all images
        text("gallery"),  # null: all images
        text("value", null=False),  # the query's own
        pa.field("queries", pa.int64(), nullable=False),  # of the run: fewer rows are a run that was stopped
        pa.field("relevant", pa.int64(), nullable=False),  # candidates with the query's value
        pa.field("candidates", pa.int64(), nullable=False),
        pa.field("ap_1", pa.float64(), nullable=False),
        pa.field("ap_5", pa.float64(), nullable=False),
        pa.field("ap_10", pa.float64(), nullable=False),
        pa.field("ap_100", pa.float64(), nullable=False),
        pa.field("created", TIMESTAMP, nullable=False),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "images": IMAGES,
    "members": MEMBERS,
    "models": MODELS,
    "samples": SAMPLES,
    "encoders": ENCODERS,
    "mappers": MAPPERS,
    "calibrations": CALIBRATIONS,
    "gallery_moments": GALLERY_MOMENTS,
    "abstentions": ABSTENTIONS,
    "evidence": EVIDENCE,
    "indexes": INDEXES,
    "ranks": RANKS,
    "runs": RUNS,
    "retrievals": RETRIEVALS,
    **ANALYSIS_TABLES,
    "failures": FAILURES,
    "tombstones": TOMBSTONES,
    "rights_log": RIGHTS_LOG,
    "jobs": JOBS,
}
"""The tables that every store has, whatever its encoders.

Stores made by earlier versions are brought to these schemas when they are opened (upgrade.py): a column that
is new is nullable, except in a table small enough to be written anew, as one whose key changes must be.
"""

LATER_TABLES = frozenset(
    {
        "tombstones",
        "gallery_moments",
        "abstentions",
        "evidence",
        "retrievals",
        "rights_log",
        *ANALYSIS_TABLES,
    }
)
"""The ones of `TABLES` that the first version did not have: a store without them is no damaged one."""


class ItemTable(NamedTuple):
    """Where the items of one kind are stored; `caption` is the column of the text beside the image."""

    table: str
    key: str
    caption: str


ITEM_TABLES: Mapping[str, ItemTable] = {
    "image": ItemTable("images", "image_id", "caption"),
    "sample": ItemTable("samples", "sample_id", "prompt"),
}
"""By `item_kind` of the vector tables."""


def vectors_schema(
    dim: int, mappers: Sequence[str] = (), *, encoder: str = "", half: bool = False
) -> pa.Schema:
    """One row an item; `base` is the raw encoder output, shape (dim,); mapped columns are unit length.

    With `half`, `base` is float16: half the bytes, and features rounded to three decimal digits.
    """
    vector = pa.list_(pa.float32(), dim)
    base = pa.list_(pa.float16(), dim) if half else vector
    return pa.schema(
        [key("item_id"), text("item_kind", null=False), pa.field("base", base, nullable=False)]
        + [pa.field(mapped_column(name), vector) for name in mappers],
        metadata={ENCODER_METADATA: encoder.encode()},
    )


def views_schema(dim: int, *, encoder: str = "") -> pa.Schema:
    """One row an augmented view of an item; `base` is the raw encoder output of that view, shape (dim,)."""
    return pa.schema(
        [
            key("item_id", position=1),
            key("view", pa.int32(), position=2),
            pa.field("base", pa.list_(pa.float32(), dim), nullable=False),
        ],
        metadata={ENCODER_METADATA: encoder.encode()},
    )
