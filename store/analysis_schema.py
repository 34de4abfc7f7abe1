"""What a row is in the tables of clusters of copies (`attribase cluster`) and of maps (`query map`)."""

import pyarrow as pa

from .columns import TIMESTAMP, key, text

IMAGE_HASHES = pa.schema(
    [
        key("image_id"),
        pa.field("hash", pa.int64(), nullable=False),  # 64 bits of the picture's low frequencies
        text("algorithm", null=False),  # phash
    ]
)

CLUSTER_RUNS = pa.schema(
    [
        key("run_id"),  # key_id of the settings and of the digest of what was compared
        text("method", null=False),  # vectors | phash
        text("encoder"),  # of `vectors`; of `phash` the one that confirmed links, or null
        text("mapper"),  # 'none' is raw features
        pa.field("threshold", pa.float64()),  # images with at least this cosine are linked
        pa.field("bits", pa.int32()),  # of `phash`: linked hashes differ in at most so many bits
        text("rule", null=False),  # star | chain
        pa.field("images", pa.int64(), nullable=False),  # that were compared
        pa.field(
            "links", pa.int64(), nullable=False
        ),  # rows of cluster_links; 0 of `phash`, which keeps none
        pa.field("linked", pa.int64(), nullable=False),  # images in a cluster
        pa.field("clusters", pa.int64(), nullable=False),  # of two images or more
        pa.field("largest", pa.int64(), nullable=False),  # images in the largest
        # Images that are less similar than `threshold` to the image that stands for their cluster.
        pa.field("chained", pa.int64(), nullable=False),
        pa.field("recall", pa.float64()),  # share of links found; 1: all were compared; null: not known
        text("digest", null=False),  # of what was compared
        text("table_versions"),  # JSON
        text("code_version"),
        pa.field("started", TIMESTAMP, nullable=False),
        pa.field("seconds", pa.float64()),
    ]
)

CLUSTER_LINKS = pa.schema(
    [
        key("links_id", position=1),  # key_id of what decides the links: not of the rule
        key("image_id", position=2),
        key("other_id", position=3),  # the larger id
        pa.field("similarity", pa.float32(), nullable=False),  # cosine; of `phash` the share of equal bits
    ]
)

CLUSTER_MEMBERS = pa.schema(
    [
        key("run_id", position=1),
        key("image_id", position=2),
        text("cluster_id", null=False),  # the image that stands for the cluster
        pa.field("similarity", pa.float32(), nullable=False),  # to that image
        pa.field("size", pa.int32(), nullable=False),  # images in the cluster
    ]
)

MAPS = pa.schema(
    [
        key("map_id"),  # key_id of the settings and of the points
        text("encoder", null=False),
        text("mapper", null=False),  # 'none' is raw features
        text("method", null=False),  # umap
        text("settings", null=False),  # JSON
        pa.field("points", pa.int64(), nullable=False),
        pa.field("images", pa.int64(), nullable=False),  # of the store with a vector, drawn or not
        pa.field("samples", pa.int64(), nullable=False),  # likewise
        text("table_versions"),  # JSON
        text("code_version"),
        pa.field("created", TIMESTAMP, nullable=False),
        pa.field("seconds", pa.float64()),
    ]
)

MAP_POINTS = pa.schema(
    [
        key("map_id", position=1),
        key("item_id", position=2),
        text("kind", null=False),  # gallery | exemplar | image (neither) | sample
        pa.field("x", pa.float32(), nullable=False),
        pa.field("y", pa.float32(), nullable=False),
    ]
)

ANALYSIS_TABLES: dict[str, pa.Schema] = {
    "image_hashes": IMAGE_HASHES,
    "cluster_runs": CLUSTER_RUNS,
    "cluster_links": CLUSTER_LINKS,
    "cluster_members": CLUSTER_MEMBERS,
    "maps": MAPS,
    "map_points": MAP_POINTS,
}
"""By name; see `store.schema.TABLES`."""
