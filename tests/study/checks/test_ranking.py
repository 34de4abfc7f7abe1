import numpy as np
import pyarrow as pa
from attribase.query.evaluation.cases import Sample
from attribase.query.features import FeatureReader, ImageSet, Pinned
from attribase.study.checks.ranking import rank_images

from . import planted
from .planted import Planted


def test_ranks_and_similarities_come_in_the_order_of_the_exemplars(tmp_path):
    made = Planted(tmp_path / "a.store", "check:x", ["mirror"])
    reader = FeatureReader(Pinned.now(made.store), planted.ENCODER)
    gallery = [f"g{i:02}" for i in range(planted.GALLERY)]
    orders = [("o1", "a00", "g07"), ("g07", "o1", "a00"), ("a00", "g07", "o1")]
    samples = [Sample(f"m{n}-s0", f"m{n}", "", images) for n, images in enumerate(orders)]
    ranks, similarities = rank_images(samples, reader, ImageSet(reader, pa.array(gallery)))
    pool = [*gallery, "o1", "a00"]
    for row, sample in enumerate(samples):
        assert ranks[row].tolist() == [made.rank(sample.sample_id, one, pool) for one in sample.exemplars]
        exact = [made.cosine(sample.sample_id, one) for one in sample.exemplars]
        assert np.allclose(similarities[row], exact)


def test_no_samples_have_no_ranks(tmp_path):
    made = Planted(tmp_path / "a.store", "check:x", [])
    reader = FeatureReader(Pinned.now(made.store), planted.ENCODER)
    ranks, similarities = rank_images([], reader, ImageSet(reader, pa.array(["g00"])))
    assert (len(ranks), len(similarities)) == (0, 0)
