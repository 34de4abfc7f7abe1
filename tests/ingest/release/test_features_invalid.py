"""Invalid features: the error names the file and the entry, and nothing is written."""

import pytest
import torch
from attribase.ingest.release import ingest_release
from attribase.store.errors import InvalidInputError

from .corruption import ARTCHIVE, GALLERY, change, check_refused, entry, set_value, without
from .official import copy_parts

BAD_FEATURES = {
    "synth ids beyond the models": (
        ARTCHIVE,
        entry("synth_ids", "gpt", 5, value=4),
        "synth_ids['gpt'][5] is 4, there are 4 models",
    ),
    "synth ids below zero": (ARTCHIVE, entry("synth_ids", "gpt", 0, value=-1), "synth_ids['gpt'][0] is -1"),
    "synth ids that are no numbers": (
        ARTCHIVE,
        entry("synth_ids", "gpt", 0, value="0"),
        "synth_ids['gpt'][0]",
    ),
    "fewer synth ids than paths": (
        ARTCHIVE,
        entry("synth_ids", "gpt", value=[0]),
        "synth_ids['gpt'] has 1 numbers for 12 paths",
    ),
    "synth ids as a tensor": (
        ARTCHIVE,
        entry("synth_ids", "gpt", value=torch.zeros(12)),
        "synth_ids['gpt'] has a ",
    ),
    "a scheme without tensors": (
        ARTCHIVE,
        without("synth_tensors", "object"),
        "synth_tensors has the schemes ['gpt']",
    ),
    "a scheme without ids": (ARTCHIVE, without("synth_ids", "object"), "synth_ids has the schemes ['gpt']"),
    "no schemes at all": (ARTCHIVE, entry("synth_paths", value=[]), "synth_paths is a list"),
    "NaN in a sample": (
        ARTCHIVE,
        entry("synth_tensors", "object", value=set_value(float("nan"))),
        "synth_tensors['object'][2] has NaN",
    ),
    "infinity in an exemplar": (
        ARTCHIVE,
        entry("exemplar_tensors", value=set_value(float("inf"))),
        "exemplar_tensors[2] has NaN or infinite",
    ),
    "NaN in the gallery": (
        GALLERY,
        entry("feats", value=set_value(float("nan"))),
        "feats[2] has NaN or infinite",
    ),
    "minus infinity in the gallery": (
        GALLERY,
        entry("feats", value=set_value(float("-inf"))),
        "feats[2] has NaN",
    ),
    "half precision": (
        GALLERY,
        entry("feats", value=lambda rows: rows.half()),
        "feats is float16, not float32",
    ),
    "double precision": (
        ARTCHIVE,
        entry("exemplar_tensors", value=lambda rows: rows.double()),
        "exemplar_tensors is float64",
    ),
    "one dimension too many": (
        GALLERY,
        entry("feats", value=lambda rows: rows[None]),
        "feats has shape (1, 40, 8)",
    ),
    "one dimension too few": (GALLERY, entry("feats", value=lambda rows: rows[0]), "feats has shape (8,)"),
    "columns for rows": (
        GALLERY,
        entry("feats", value=torch.randn(8, 40).T),
        "feats is not stored row by row",
    ),
    "more rows than paths": (
        GALLERY,
        entry("paths", value=lambda paths: paths[1:]),
        "feats has 40 rows for 39 paths",
    ),
    "fewer rows than paths": (
        ARTCHIVE,
        entry("exemplar_tensors", value=lambda rows: rows[1:].clone()),
        "exemplar_tensors has 7 rows for 8",
    ),
    "a list for a tensor": (GALLERY, entry("feats", value=[[1.0]]), "feats is a list, not a tensor"),
    "a path that is no text": (GALLERY, entry("paths", 7, value=7), "paths[7] is 7, not a path"),
    "a path with a null character": (GALLERY, entry("paths", 7, value="a\0b"), "paths[7] is 'a\\x00b'"),
    "an empty path": (ARTCHIVE, entry("exemplar_paths", 1, value=""), "exemplar_paths[1] is ''"),
    "a string for the paths": (GALLERY, entry("paths", value="a" * 40), "paths is 'aaaa"),
    "an empty gallery": (GALLERY, lambda _: {"feats": torch.zeros(0, 8), "paths": []}, "paths is empty"),
    "no features": (GALLERY, without("feats"), "the whole file has no 'feats'"),
    "no chunks": (ARTCHIVE, without("exemplar_chunks"), "the whole file has no 'exemplar_chunks'"),
    "a chunk beyond the exemplars": (
        ARTCHIVE,
        entry("exemplar_chunks", 3, value=(6, 9)),
        "exemplar_chunks[3] is (6, 9) of 8 exemplars",
    ),
    "an empty chunk": (ARTCHIVE, entry("exemplar_chunks", 0, value=(1, 1)), "exemplar_chunks[0] is (1, 1)"),
    "a chunk of three": (
        ARTCHIVE,
        entry("exemplar_chunks", 0, value=(0, 1, 2)),
        "exemplar_chunks[0] is a tuple",
    ),
    "a list for the file": (GALLERY, lambda _: [torch.ones(2)], "the whole file is a list, not a dictionary"),
    "two dims in one file": (
        ARTCHIVE,
        entry("synth_tensors", "gpt", value=torch.ones(12, 7)),
        "synth_tensors['gpt'] has 7 dimensions, exemplar_tensors 8",
    ),
    "two dims in two files": (
        GALLERY,
        entry("feats", value=torch.ones(40, 9)),
        "feats/clip/test_artchive.pth: exemplar_tensors has 8",
    ),
}


@pytest.mark.parametrize("name", BAD_FEATURES)
def test_invalid_features_are_refused(copy, full, name):
    file, edit, says = BAD_FEATURES[name]
    change(copy, file, edit)
    check_refused(copy.folder, [full], InvalidInputError, file, says)


def test_features_of_another_length_than_the_stores(copy, full, tmp_path):
    change(copy, GALLERY, entry("feats", value=torch.ones(40, 9)))
    before = full.versions()
    with pytest.raises(InvalidInputError, match="features of clip have 9 dimensions, the store's have 8"):
        list(ingest_release(full, copy_parts(copy, tmp_path / "part", GALLERY)))
    assert full.versions() == before
