"""Pictures in a report: figures 4, 8, 11 and 15 are what `attribute` answers; pages show models."""

import csv
import re

import numpy as np
import pytest
from attribase.query import attribute, load_sql


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_images_of_figures_8_and_15_are_those_of_attribute(report, studied_once):
    found = rows(report / "figures/figure-8.csv")
    assert len({row["sample_id"] for row in found}) == 4
    assert len({row["sample_id"] for row in rows(report / "figures/figure-15.csv")}) == 8
    exemplars = {
        row["model_id"]: set(row["exemplar_ids"])
        for row in studied_once.store.read("models", ["model_id", "exemplar_ids"]).to_pylist()
    }
    for sample in {row["sample_id"] for row in found}:
        for mapper in ("none", "object+style"):
            mine = [row for row in found if (row["sample_id"], row["mapper"]) == (sample, mapper)]
            answer = attribute(
                studied_once.store, sample, encoder=mine[0]["encoder"], mapper=mapper, k=len(mine)
            )
            assert [row["image_id"] for row in mine] == [one.image_id for one in answer.results]
            for row in mine:
                own = row["image_id"] in exemplars[sample.rpartition("-")[0]]
                assert row["exemplar"] == str(own)


def test_exemplars_are_framed_on_the_page(report):
    true = sum(row["exemplar"] == "True" for row in rows(report / "figures/figure-8.csv"))
    page = (report / "index.html").read_text()
    figure = page[page.index('<h2 id="figure-8"') : page.index('<h2 id="figure-11"')]
    assert figure.count('class="true"') == true > 0
    assert "no picture" not in figure


def test_influence_by_rank_is_the_mean_of_answers(report, studied_once, con):
    found = rows(report / "figures/figure-11.csv")
    encoder = found[0]["encoder"]
    params = {"encoder": encoder, "mapper": "object+style"}
    samples = [row[6] for row in con.execute(load_sql("models_by_precision"), params).fetchall()]
    answers = [
        attribute(studied_once.store, one, encoder=encoder, mapper="object+style", k=1000) for one in samples
    ]
    scores = np.array([[one.similarity for one in answer.results] for answer in answers])
    before = (np.exp(scores) / np.exp(scores).sum(1, keepdims=True)).mean(0)
    after = np.mean([[one.influence for one in answer.results] for answer in answers], axis=0)
    assert [float(row["before"]) for row in found] == pytest.approx(before[: len(found)])
    assert [float(row["after"]) for row in found] == pytest.approx(after[: len(found)])


def test_influence_on_one_sample_is_that_of_its_answer(report, studied_once):
    found = rows(report / "figures/figure-4.csv")
    sample, encoder, mapper = (found[0][name] for name in ("sample_id", "encoder", "mapper"))
    answer = attribute(studied_once.store, sample, encoder=encoder, mapper=mapper, k=len(found))
    assert [row["image_id"] for row in found] == [one.image_id for one in answer.results]
    assert [float(row["after"]) for row in found] == pytest.approx([one.influence for one in answer.results])


def test_pages_show_models_with_exemplars_and_samples_and_what_every_encoder_finds(report):
    for name, models, exemplars in (("objects", 12, 1), ("styles", 12, 3)):
        page = (report / f"{name}.html").read_text()
        assert page.count('class="true"') == models * exemplars
        assert page.count("<img") == models * (exemplars + 4)
    page = (report / "retrieval.html").read_text()
    assert page.count('class="card asked"') == 4 * 3
    assert page.count("<img") == 4 * 3 * (1 + 2 * 2 * 8)
    for name in ("objects", "styles", "retrieval"):
        page = (report / f"{name}.html").read_text()
        assert all((report / link).is_file() for link in re.findall(r'(?:href|src)="([^"]+)"', page))
        assert f'href="{name}.html"' in (report / "index.html").read_text()
