"""Further captions of the world's images."""

import pyarrow.parquet as pq
from attribase.ingest.world import images_path
from attribase.ingest.world.captions import CAPTIONS, world_captions


def test_every_exemplar_has_five_captions_that_name_it_the_stored_one_first():
    columns = ["role", "caption", "category", "set", "name"]
    rows = [
        row for row in pq.read_table(images_path(), columns=columns).to_pylist() if row["role"] != "gallery"
    ]
    for row in rows[::7]:
        captions = world_captions(row["caption"], row["category"], row)
        assert captions == world_captions(row["caption"], row["category"], row)
        assert captions[0] == row["caption"]
        assert len(set(captions)) == len(captions) == CAPTIONS
        assert all(row["name"] in caption for caption in captions)
