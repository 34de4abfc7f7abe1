"""Which cases are paired, what is drawn of them, and that names stay apart."""

from itertools import combinations

import pytest
from attribase.query.report.facts import read_facts
from attribase.query.report.plot_data import (
    arrows,
    bar_groups,
    domain_of,
    objects_and_styles,
    seen_and_unseen,
)
from attribase.query.report.plots import plot_sections
from attribase.query.report.svg import Label, add_labels, new_figure, two_lines


def measure_raw(store, cases, encoder="e"):
    for number, case in enumerate(cases):
        store.measure(encoder, "none", case, "gpt", (0.1, 0.2 + number / 100, 0.3, 0.4))


def test_the_demo_worlds_cases_are_paired(fake_store):
    cases = ["object_seen", "object_unseen", "style_seen", "style_unseen"]
    facts = read_facts(fake_store.con)
    assert [(p.x, p.y) for p in objects_and_styles(facts, cases)] == [
        ("object_seen", "style_seen"),
        ("object_unseen", "style_unseen"),
    ]
    assert [(p.x, p.y) for p in seen_and_unseen(facts, cases)] == [
        ("object_seen", "object_unseen"),
        ("style_seen", "style_unseen"),
    ]


def test_cases_of_different_worlds_are_not_paired(fake_store):
    facts = read_facts(fake_store.con)
    assert objects_and_styles(facts, ["object_seen", "bamfg"]) == []


def test_other_cases_are_paired_by_what_the_store_tells(fake_store):
    fake_store.case("cats", "object", ["gpt"], splits=("train", "test"))
    fake_store.case("dogs", "object", ["gpt"])
    fake_store.case("inks", "style", ["gpt"], splits=("train", "test"))
    fake_store.case("both", None, ["gpt"])
    facts = read_facts(fake_store.con)
    assert [(p.x, p.y) for p in objects_and_styles(facts, facts.cases)] == [("cats", "inks")]
    assert [(p.x, p.y) for p in seen_and_unseen(facts, facts.cases)] == [("cats", "dogs")]
    assert domain_of(facts, "both") is None


def test_without_models_to_learn_from_nothing_is_called_seen(fake_store):
    fake_store.case("cats", "object", ["gpt"])
    fake_store.case("inks", "style", ["gpt"])
    facts = read_facts(fake_store.con)
    assert seen_and_unseen(facts, facts.cases) == []
    assert [(p.title, p.x, p.y) for p in objects_and_styles(facts, facts.cases)] == [("", "cats", "inks")]


def test_cases_without_a_counterpart_are_named(fake_store):
    measure_raw(fake_store, ["alone"])
    sections = plot_sections(read_facts(fake_store.con))
    for section in (sections[0], sections[2]):
        assert section.plots == ()
        assert section.notes == ("Cases without a counterpart, so not drawn here: alone.",)


def test_points_are_means_over_schemes(as_published):
    facts = read_facts(as_published.con)
    pairing = objects_and_styles(facts, ["observed_imagenet", "bamfg"])[0]
    found = {(arrow.encoder, arrow.measured): arrow for arrow in arrows(facts, pairing)}
    assert found["clip", True].raw == pytest.approx(((0.277 + 0.16) / 2, (0.17 + 0.225) / 2))
    assert found["clip", True].mapped == pytest.approx(((0.376 + 0.258) / 2, (0.243 + 0.303) / 2))
    assert found["clip", False].raw == pytest.approx(found["clip", True].raw)
    assert ("aladin", True) not in found
    assert ("aladin", False) in found


def test_a_point_needs_every_scheme_that_the_others_have(fake_store):
    for case, kind in (("object_seen", "object"), ("style_seen", "style")):
        fake_store.case(case, kind, ["gpt", "media"])
        for encoder in ("whole", "part"):
            for scheme in ("gpt", "media")[: 2 if encoder == "whole" else 1]:
                fake_store.measure(encoder, "none", case, scheme, (0.1, 0.2, 0.3, 0.4))
    plot = plot_sections(read_facts(fake_store.con))[0].plots[0]
    assert plot.note == "Left out, not measured in all schemes of both cases: part."


def test_bars_have_what_the_views_have(as_published):
    facts = read_facts(as_published.con)
    groups = {(group.scheme, group.encoder): group for group in bar_groups(facts, "bamfg")}
    clip, aladin = groups["gpt", "clip"], groups["gpt", "aladin"]
    assert (clip.raw.score.value, clip.raw.score.low, clip.raw.published) == (0.17, pytest.approx(0.15), 0.17)
    assert (clip.mapped.space.mapper, clip.mapped.score.value, clip.mapped.published) == (
        "tuned",
        0.243,
        0.243,
    )
    assert (aladin.raw.score, aladin.raw.published) == (None, 0.155)


def test_the_newest_mapper_stands_for_an_encoder_that_the_paper_does_not_have(fake_store):
    from datetime import datetime

    for mapper, day in (("old", 1), ("new", 3), ("middle", 2)):
        fake_store.measure("e", mapper, "a", "gpt", (0.1, 0.2, 0.3, 0.4), started=datetime(2026, 1, day))
    assert read_facts(fake_store.con).main_mapper("e") == "new"


def test_names_of_close_points_do_not_cover_each_other():
    points = [(0.30, 0.30), (0.31, 0.305), (0.305, 0.29), (0.32, 0.30), (0.29, 0.31), (0.315, 0.315)]
    figure, axes = new_figure(4.2)
    axes.set(xlim=(0.2, 0.4), ylim=(0.2, 0.4))
    labels = [Label(f"encoder-{number}", point, "#000000") for number, point in enumerate(points)]
    add_labels(axes, labels, [(point, 4.0) for point in points], [])
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == len(points)
    for first, second in combinations(boxes, 2):
        assert not first.overlaps(second)
    where = [axes.transData.transform(point) for point in points]
    assert not any(box.contains(*point) for box in boxes for point in where)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("clip", "clip"),
        ("efficientnet-lite0", "efficientnet-\nlite0"),
        ("x" * 60, "x" * 17 + "\n" + "x" * 19 + "…"),
    ],
)
def test_long_names_take_two_lines(name, lines):
    assert two_lines(name, 17) == lines
