"""The embedded world with fewer images, for demos whose every stage is to run but not for long."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from attribase.ingest.world import images_path, model_path

KEPT = {"gallery": 8, "object": 3, "style": 3}
"""Of the images of a role, in their order, one in so many is kept: styles need ten drawings of a set."""

NAMED = [("noto", "fireworks")]
"""Sets and names of images that the documentation names."""


def write_small_world(folder: Path) -> Path:
    """Write a folder that `attribase.ingest.world.WORLD_DIR` can be: the same generator, fewer images."""
    table = pq.read_table(images_path())
    seen = dict.fromkeys(KEPT, 0)
    kept = []
    for row in table.select(["role", "set", "name"]).to_pylist():
        kept.append(seen[row["role"]] % KEPT[row["role"]] == 0 or (row["set"], row["name"]) in NAMED)
        seen[row["role"]] += 1
    (folder / "data").mkdir(parents=True)
    pq.write_table(table.filter(pa.array(kept)), folder / "data" / images_path().name)
    (folder / "model").symlink_to(model_path(), target_is_directory=True)
    return folder
