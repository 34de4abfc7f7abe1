import json
import shutil

import numpy as np
import pytest
from attribase.ingest.diffusion import tokenize
from attribase.ingest.world.build.captions import Subject
from attribase.ingest.world.build.corpus import load_corpus
from attribase.ingest.world.build.drawing import DrawConfig, draw_icon, draw_looks, load_looks
from attribase.ingest.world.build.tokenizer import load_tokenizer
from attribase.store.errors import InvalidInputError, LimitError, NotFoundError

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def fresh(rasterised, tmp_path):
    """A copy of the work folder that nothing was drawn in."""
    return shutil.copytree(rasterised, tmp_path / "work", ignore=shutil.ignore_patterns("looks", "latents"))


def test_looks_hold_every_icon_plain_first_and_the_tokens_of_its_captions(fresh):
    config = DrawConfig(looks=3, captions=2, workers=0)
    list(draw_looks(fresh, config))
    looks = load_looks(fresh)
    assert looks.images.shape == (12, 3, 32, 32, 3)
    corpus = load_corpus(fresh / "world.parquet", fresh / "icons.npy")
    for index, icon in enumerate(corpus.icons):
        alpha = icon[..., 3:] / 255
        np.testing.assert_array_equal(
            looks.images[index, 0], np.round(icon[..., :3] * alpha + 255 * (1 - alpha))
        )
    _, texts = draw_icon(corpus, 5, config)
    tokens = tokenize(load_tokenizer(fresh / "tokenizer"), texts)
    np.testing.assert_array_equal(looks.tokens[5].reshape(6, -1), tokens.numpy())
    assert corpus.subjects[5] == Subject("tomato 5", "food", "noto", corpus.subjects[5].drawing)


def test_more_looks_begin_with_the_same_ones_and_another_number_draws_anew(fresh):
    list(draw_looks(fresh, DrawConfig(looks=2, captions=1, workers=0)))
    few = load_looks(fresh)
    images = few.images.copy()
    list(draw_looks(fresh, DrawConfig(looks=6, captions=1, workers=0)))
    many = load_looks(fresh)
    np.testing.assert_array_equal(many.images[:, :2], images)
    assert many.images.shape[1] == 6
    assert many.digest != few.digest


def test_drawing_goes_on_where_it_stopped(fresh):
    config = DrawConfig(looks=2, captions=1, workers=0)
    list(draw_looks(fresh, config))
    whole = load_looks(fresh).images.copy()
    done = np.arange(12) < 5
    np.save(fresh / "looks" / "done.npy", done)
    images = np.load(fresh / "looks" / "images.npy", mmap_mode="r+")
    images[5:] = 0
    images.flush()
    with pytest.raises(NotFoundError) as unfinished:
        load_looks(fresh)
    assert "looks" in unfinished.value.hint
    list(draw_looks(fresh, config))
    np.testing.assert_array_equal(load_looks(fresh).images, whole)
    assert list(draw_looks(fresh, config)) == []


@pytest.mark.slow
def test_several_processes_draw_what_one_draws(fresh):
    list(draw_looks(fresh, DrawConfig(looks=2, captions=1, workers=0)))
    one = load_looks(fresh)
    images, tokens = one.images.copy(), one.tokens.copy()
    shutil.rmtree(fresh / "looks")
    list(draw_looks(fresh, DrawConfig(looks=2, captions=1, workers=2)))
    several = load_looks(fresh)
    np.testing.assert_array_equal(several.images, images)
    np.testing.assert_array_equal(several.tokens, tokens)
    assert several.digest == one.digest


def test_a_full_disk_is_noticed_before_anything_is_drawn(fresh, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(LimitError) as full:
        list(draw_looks(fresh, DrawConfig(looks=2, workers=0)))
    assert "--looks" in full.value.hint
    assert not (fresh / "looks" / "settings.json").exists()


def test_no_looks_are_refused():
    with pytest.raises(InvalidInputError):
        DrawConfig(looks=0)


def test_settings_of_the_rows_are_readable(work):
    settings = json.loads((work / "looks" / "settings.json").read_text())
    assert settings["arrays"]["tokens"] == [12, 3, 2, 20, "int16"]
