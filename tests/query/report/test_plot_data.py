"""Points and bars have the numbers of the views."""

from datetime import datetime

import pytest
from attribase.query.report.case_pairs import objects_and_styles
from attribase.query.report.data import read_report_data
from attribase.query.report.plot_data import arrows_of, bar_groups


def test_points_are_means_over_schemes(as_published):
    data = read_report_data(as_published.con)
    pairing = objects_and_styles(data, ["observed_imagenet", "bamfg"])[0]
    found = {(arrow.encoder, arrow.measured): arrow for arrow in arrows_of(data, pairing)}
    assert found["clip", True].raw == pytest.approx(((0.277 + 0.16) / 2, (0.17 + 0.225) / 2))
    assert found["clip", True].mapped == pytest.approx(((0.376 + 0.258) / 2, (0.243 + 0.303) / 2))
    assert found["clip", False].raw == pytest.approx(found["clip", True].raw)
    assert ("aladin", True) not in found
    assert ("aladin", False) in found


def test_bars_have_what_the_views_have(as_published):
    data = read_report_data(as_published.con)
    groups = {(group.scheme, group.encoder): group for group in bar_groups(data, "bamfg")}
    clip, aladin = groups["gpt", "clip"], groups["gpt", "aladin"]
    assert (clip.raw.score.value, clip.raw.score.low, clip.raw.published) == (0.17, pytest.approx(0.15), 0.17)
    assert (clip.mapped.space.mapper, clip.mapped.score.value, clip.mapped.published) == (
        "tuned",
        0.243,
        0.243,
    )
    assert (aladin.raw.score, aladin.raw.published) == (None, 0.155)


def test_the_newest_mapper_represents_an_encoder_that_the_paper_does_not_have(fake_store):
    for mapper, day in (("old", 1), ("new", 3), ("middle", 2)):
        fake_store.measure("e", mapper, "a", "gpt", (0.1, 0.2, 0.3, 0.4), started=datetime(2026, 1, day))
    assert read_report_data(fake_store.con).main_mapper("e") == "new"
