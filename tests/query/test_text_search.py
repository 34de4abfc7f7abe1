"""Images by words: the order is that of cosines by numpy, in Python, SQL and on the command line."""

import json

import attribase
import numpy as np
import pytest
from attribase.cli import cli
from attribase.query import Session, similar_text
from attribase.query.text_search import choose_text_encoder, search_texts
from attribase.store import InvalidInputError, NotFoundError
from click.testing import CliRunner

from .conftest import DIM
from .text_tower import add_tower, text_vector

UNUSED = ("e02", "e03", "e04", "e09")
"""Exemplars of no model: they are in no pool."""


@pytest.fixture
def worded(small):
    add_tower(small.store, "enc", DIM)
    return small


def expected(fake, text, k, keep=lambda _: True):
    """The ids of the k images whose raw vectors have the largest cosine with the text's."""
    ids = sorted(name for name in fake.vectors if "-s" not in name and name not in UNUSED and keep(name))
    rows = np.stack([fake.vectors[name] for name in ids]).astype(np.float64)
    asked = text_vector(text, DIM)
    cosines = rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)
    order = np.argsort(-cosines, kind="stable")[:k]
    return [ids[at] for at in order], cosines[order]


def test_results_are_those_of_largest_cosine(worded):
    answer = similar_text(worded.store.uri, "a RED car", k=7)
    ids, cosines = expected(worded, "red car", 7)
    assert [result.image_id for result in answer.results] == ids
    assert [result.similarity for result in answer.results] == pytest.approx(list(cosines), abs=1e-6)
    assert (answer.encoder, answer.exact, answer.pool_size, answer.searched) == ("enc", True, 226, 226)
    assert answer.results[0].uri == f"file:{ids[0]}"
    assert answer.to_dict()["results"][0]["rank"] == 1


def test_a_condition_narrows_the_pool(worded):
    answer = attribase.similar_text(worded.store, "blue house", k=3, where="collection = 'exemplars'")
    assert [result.image_id for result in answer.results] == expected(
        worded, "blue house", 3, lambda name: name.startswith("e")
    )[0]


def test_several_texts_have_the_answers_of_each(worded):
    snapshot = Session(worded.store).snapshot()
    both = search_texts(snapshot, ["red car", "blue house"], k=5)
    assert both == [search_texts(snapshot, [text], k=5)[0] for text in ("red car", "blue house")]


def test_sql_joins_texts_to_their_images(worded):
    rows = attribase.connect(worded.store).sql(
        "select t.text, s.rank, s.image_id, s.exact "
        "from (values ('red car'), ('blue house'), (null)) as t(text), "
        "similar_text(t.text, k := 2) as s order by t.text, s.rank"
    )
    found = rows.fetchall()
    wanted = [
        (text, rank, name, True)
        for text in ("blue house", "red car")
        for rank, name in enumerate(expected(worded, text, 2)[0], start=1)
    ]
    assert found == wanted


def test_the_command_prints_the_same_images(worded):
    words = ["-s", worded.store.uri, "query", "similar", "--text", "red house", "-k", "4", "--format", "json"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert [row["image_id"] for row in json.loads(done.stdout)] == expected(worded, "red house", 4)[0]
    assert "compared with all 226 images by enc" in done.stderr


def test_a_variant_takes_the_text_tower_of_the_encoder_it_was_made_of(worded):
    store = worded.store
    store.upsert(
        "encoders",
        [{"encoder": "enc", "dim": DIM} | row_of(store, "enc") | {"onnx_sha256": "a"}],
        update=True,
    )
    variant = {
        "encoder": "enc@int8",
        "dim": DIM,
        "onnx_sha256": "b",
        "variant_of": "enc",
        "variant_of_sha256": "a",
    }
    store.upsert("encoders", [variant])
    store.ensure_vectors("enc@int8", DIM)
    assert Session(store).snapshot().encoders.text_towers() == {"enc": "enc", "enc@int8": "enc"}
    store.upsert("encoders", [variant | {"variant_of_sha256": "an older model"}], update=True)
    assert Session(store).snapshot().encoders.text_towers() == {"enc": "enc"}


def row_of(store, encoder):
    return next(row for row in store.read("encoders").to_pylist() if row["encoder"] == encoder)


def test_a_store_without_a_text_tower_says_which_encoder_has_one(small):
    with pytest.raises(NotFoundError, match="compares text") as caught:
        similar_text(small.store, "a car")
    assert "clip-vit-b32" in caught.value.hint


def test_an_encoder_without_a_text_tower_is_an_error_that_names_those_with(worded):
    worded.store.upsert("encoders", [{"encoder": "other", "dim": DIM}])
    worded.store.ensure_vectors("other", DIM)
    with pytest.raises(NotFoundError, match="'other'") as caught:
        choose_text_encoder(Session(worded.store).snapshot(), "other")
    assert "enc" in caught.value.hint


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
def test_no_text_and_a_book_are_errors(worded, text):
    with pytest.raises(InvalidInputError, match="text"):
        similar_text(worded.store, text)
