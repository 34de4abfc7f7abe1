"""Rows that several tests write."""

import json

import pyarrow as pa
from attribase.store import content_id


def ranks(shard, count=500):
    """One shard of the ranks of one run."""
    keys = {"run_id": ["r"] * count, "sample_id": [f"sample-{shard}-{n}" for n in range(count)]}
    return pa.table({**keys, "image_id": ["image"] * count, "rank": pa.array(range(count), pa.int64())})


def images(*ids):
    return [{"image_id": name, "bytes": name.encode()} for name in ids]


DATA = b"an image"
IMAGE = content_id(DATA)
ONNX = b"a network"


def exported(encoder, file, sha256):
    """The row of an encoder with one file."""
    files = [{"file": file, "sha256": sha256, "role": "model", "bytes": len(ONNX)}]
    row = {"encoder": encoder, "dim": 2, "onnx_file": file, "onnx_sha256": sha256}
    return row | {"files": json.dumps(files)}
