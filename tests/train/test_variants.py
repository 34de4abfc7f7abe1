"""The variants of the paper: their settings, and trainings of each."""

import csv
import json
from importlib.resources import files
from itertools import islice

import numpy as np
import pytest
import torch
from attribase.query.report.data import ALSO_CALLED
from attribase.runtime import MapperPair
from attribase.store import InvalidInputError
from attribase.train import BEST, PAPER, VARIANTS, WORLD, MapperConfig, train_mapper
from attribase.train.data import load_data
from attribase.train.fit import fit
from attribase.train.start import start_pair
from attribase.train.variants import batch_for
from torch.nn.functional import cross_entropy, normalize

PUBLISHED = files("attribase.query") / "data" / "published.csv"


def test_the_papers_order_and_settings():
    assert list(VARIANTS) == [
        "none", "object", "style", "object+style", "no-reg", "channel", "mlp", "strong-aug",
    ]  # fmt: skip
    configs = {name: one.config() for name, one in VARIANTS.items() if name != "none"}
    differs = {
        name: {key for key, value in vars(config).items() if value != getattr(PAPER, key)} - {"name"}
        for name, config in configs.items()
    }
    assert differs == {
        "object": {"kinds"},
        "style": {"kinds"},
        "object+style": set(),
        "no-reg": {"regulariser"},
        "channel": {"map"},
        "mlp": {"map", "regulariser"},
        "strong-aug": {"augment"},
    }
    assert configs["no-reg"].regulariser == 0
    with pytest.raises(InvalidInputError, match="no training"):
        VARIANTS["none"].config()


def test_every_variant_is_called_as_a_published_row():
    assert {ALSO_CALLED.get(name, name) for name in VARIANTS} == {
        row["mapper"] for row in csv.DictReader(PUBLISHED.read_text().splitlines())
    }


@pytest.mark.parametrize("recipe", ["world", "best"])
def test_what_a_recipe_says_of_matrices_alone_is_left_out_of_other_maps(recipe):
    made = VARIANTS["channel"].config(recipe)
    assert (made.rank, made.centre, made.start) == (None, "none", "identity")
    assert made.temperature == {"world": WORLD, "best": BEST}[recipe].temperature
    assert VARIANTS["mlp"].config(recipe).negatives == 0
    assert VARIANTS["strong-aug"].config(recipe).views == PAPER.views


@pytest.mark.parametrize(
    ("encoder", "batch"),
    [("vit-b16", 512), ("aladin", 512), ("vit-b16@int8", 512), ("clip-vit-b16", 1024), ("moco", 1024)],
)
def test_vit_and_aladin_learn_from_512_models_a_step(encoder, batch):
    assert batch_for(encoder) == VARIANTS["object"].config("paper", encoder).batch == batch
    assert VARIANTS["object"].config("best", encoder).batch == BEST.batch


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"map": "channel", "rank": 3}, "has no rank"),
        ({"map": "mlp", "centre": "gallery"}, "has no centre"),
        ({"map": "mlp", "negatives": 5}, "has no negatives"),
        ({"map": "mlp", "regulariser": 0.1}, "of matrices"),
        ({"augment": "strong", "views": 0}, "no views"),
        ({"map": "cubic"}, "map is 'cubic'"),
        ({"augment": "wild"}, "augment is 'wild'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        MapperConfig(**settings)


def first_epochs(store, config, count):
    """The records of the first epochs and the pair after them."""
    data = load_data(store, "made", config)
    pair = start_pair(data, data.spans, config)
    records = [record for record, *_ in islice(fit(pair, data, config), count)]
    return records, pair, data


@pytest.mark.parametrize("kind", ["channel", "mlp"])
def test_the_loss_of_the_first_step_is_torchs(make_store, kind):
    """A batch of all models: cross entropy of both directions, the diagonal being right."""
    store = make_store(train=12, val=0, gallery=4, samples=1)
    config = MapperConfig(views=0, epochs=1).with_map(kind)
    records, _, data = first_epochs(store, config, 2)
    start = start_pair(data, data.spans, config).train()
    exemplars = data.features.of([model.exemplars[0] for model in data.models])
    samples = data.features.of([model.sample_ids()[0] for model in data.models])
    t, s = (normalize(h(rows), dim=1) for h, rows in ((start.real, exemplars), (start.synth, samples)))
    own = torch.arange(12)
    expected = cross_entropy(t @ s.T, own) + cross_entropy(s @ t.T, own)
    assert records[1]["contrastive"] == pytest.approx(expected.item(), abs=1e-5)


def test_the_regulariser_of_channels_is_eq_4_of_the_diagonal_matrix(made):
    config = MapperConfig(views=0, epochs=3, lr=0.1, map="channel")
    records, pair, _ = first_epochs(made, config, 4)
    matrices = [torch.diag(one.weights[0].detach()) for one in (pair.real, pair.synth)]
    expected = sum(torch.linalg.matrix_norm(w.T @ w - torch.eye(16)) for w in matrices) / 2
    assert pair.orthogonality().item() == pytest.approx(expected.item(), rel=1e-5)
    assert records[1]["regulariser"] == 0  # at the identity, before the first step
    assert float(expected) > 0.1


def test_a_training_of_channels_turns_down_what_misleads(make_store):
    """The second half of every feature is loud noise, by construction: its factors get smaller."""
    made = make_store(rotated=False)
    *_, last = train_mapper(made, "made", MapperConfig(name="channel", views=0, lr=0.03, map="channel"))
    assert "kept epoch" in last.note
    pair = MapperPair.load(made, "made", "channel")
    assert pair.kind == "channel"
    factors = np.abs(pair.h_real.weights[0] * pair.h_synth.weights[0])
    assert factors[8:].max() < factors[:8].mean()


def test_a_training_of_an_mlp_is_stored_repeated_and_fills_its_column(make_store):
    weights = []
    for _ in range(2):
        store = make_store()
        config = MapperConfig(name="mlp", views=0, epochs=30).with_map("mlp")
        list(train_mapper(store, "made", config))
        row = store.read("mappers").to_pylist()[0]
        history = json.loads(row["history"])
        assert row["kind"] == "mlp"
        assert history[-1]["contrastive"] < history[1]["contrastive"]
        assert {record["regulariser"] for record in history[1:]} == {0}
        mapped = store.read("vectors_made", ["mapped_mlp"])["mapped_mlp"].to_pylist()
        assert np.linalg.norm(mapped, axis=1) == pytest.approx(1, abs=1e-5)
        weights.append(MapperPair.load(store, "made", "mlp").to_bytes())
    assert weights[0] == weights[1]


def test_evaluation_leaves_an_mlps_statistics_alone(made):
    """Epoch 0 only measures: the running statistics are those of a new BatchNorm."""
    config = MapperConfig(views=0, epochs=1, hub_weight=0.5).with_map("mlp")
    _, pair, _ = first_epochs(made, config, 1)
    norm = pair.real.layers[1]
    assert torch.equal(norm.running_mean, torch.zeros(16))
    assert torch.equal(norm.running_var, torch.ones(16))
