import numpy as np
import pytest
import torch
from attribase.train import MapperConfig
from attribase.train.batches import EXEMPLARS, PairSource, SetSource
from attribase.train.data import load_data

CONFIG = MapperConfig(views=0, batch=8, samples=2, positives="each")


def data_of(store, config=CONFIG):
    return load_data(store, "made", config)


def models_of(data, rows: torch.Tensor) -> list[str]:
    """The model whose item each row is."""
    found = []
    for row in rows:
        place = int((data.views[:, 0] == row).all(1).nonzero()[0, 0])
        item = next(item for item, own in data.view_row.items() if own == place)
        found.append(next(m.model_id for m in data.models if item in (*m.exemplars, *m.sample_ids())))
    return found


@pytest.mark.parametrize("source", [PairSource, SetSource])
def test_a_draw_has_each_model_once_and_says_what_belongs_together(make_store, source):
    data = data_of(make_store(train=10, exemplars=3))
    batches = list(source(data, CONFIG).draw(np.random.default_rng(0)))
    assert len(batches) == source(data, CONFIG).batches
    seen = []
    for batch in batches:
        exemplars, samples = models_of(data, batch.exemplars), models_of(data, batch.samples)
        assert batch.same.tolist() == [[own == one for own in exemplars] for one in samples]
        seen += sorted(set(exemplars))
    assert sorted(seen) == [model.model_id for model in data.models]


def test_sets_have_all_exemplars_up_to_a_limit_and_so_many_samples(make_store):
    data = data_of(make_store(train=4, exemplars=EXEMPLARS + 2))
    (batch,) = SetSource(data, CONFIG).draw(np.random.default_rng(0))
    assert batch.same.sum(1).tolist() == [EXEMPLARS] * 8
    assert batch.same.sum(0).tolist() == [2] * (4 * EXEMPLARS)


def test_every_sample_has_its_turn(make_store):
    data = data_of(make_store(train=4))
    rng, source = np.random.default_rng(0), SetSource(data, CONFIG)
    drawn = {tuple(row.tolist()) for _ in range(40) for batch in source.draw(rng) for row in batch.samples}
    assert len(drawn) == 16
