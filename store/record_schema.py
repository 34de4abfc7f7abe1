"""What a row is in the tables of what happened: jobs, failures, removals, changes of rights."""

import pyarrow as pa

from .columns import STRINGS, TIMESTAMP, key, text

JOBS = pa.schema(
    [
        key("job_id", position=1),
        key("shard", pa.int32(), position=2),
        text("kind", null=False),
        text("spec", null=False),  # JSON
        pa.field("items", STRINGS, nullable=False),
        pa.field("count", pa.int32(), nullable=False),
        text("state", null=False),  # planned | done
        pa.field("updated", TIMESTAMP, nullable=False),
    ]
)

FAILURES = pa.schema(
    [
        key("stage", position=1),
        key("source", position=2),  # the folder, file or address; '' when the item is an id of this store
        key("item", position=3),
        text("reason", null=False),
        text("detail"),
        text("remedy"),  # what to do about it
        pa.field("at", TIMESTAMP, nullable=False),
    ]
)

RIGHTS_LOG = pa.schema(
    [
        key("change_id"),
        text("image_id", null=False),
        text("field", null=False),  # creator | license | rights_holder | license_url | reservation | source
        pa.field("number", pa.int32(), nullable=False),  # 1 is the first change of this field of this image
        text("old"),
        text("new"),
        text("provenance", null=False),  # metadata (of the file) | table (or another source) | hand
        text("origin"),  # the table or source that said it, or who set it
        text("note"),  # why, as the one who set it wrote
        pa.field("at", TIMESTAMP, nullable=False),
    ]
)

TOMBSTONES = pa.schema(
    [
        key("item_id"),  # of an image that was removed, or of a model or sample that was made from one
        text("item_kind", null=False),  # image | model | sample
        text("uri"),
        text("reason"),
        pa.field("made_from", STRINGS),  # of a model or sample: the removed images
        pa.field("removed_at", TIMESTAMP, nullable=False),
        pa.field("erase", pa.bool_(), nullable=False),  # whether old versions must not hold its bytes either
        pa.field("erased_at", TIMESTAMP),  # when those were deleted
    ]
)
