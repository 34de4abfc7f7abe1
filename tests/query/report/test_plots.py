"""What the sections of plots draw, and what their notes name."""

from attribase.query.report.data import read_report_data
from attribase.query.report.plots import plot_sections


def measure_raw(store, cases, encoder="e"):
    for number, case in enumerate(cases):
        store.measure(encoder, "none", case, "gpt", (0.1, 0.2 + number / 100, 0.3, 0.4))


def test_cases_without_a_counterpart_are_named(fake_store):
    measure_raw(fake_store, ["alone"])
    sections = plot_sections(read_report_data(fake_store.con))
    for section in (sections[0], sections[2]):
        assert section.plots == ()
        assert section.notes == ("Cases without a counterpart, so not drawn here: alone.",)


def test_a_point_needs_every_scheme_that_the_others_have(fake_store):
    for case, kind in (("object_seen", "object"), ("style_seen", "style")):
        fake_store.case(case, kind, ["gpt", "media"])
        for encoder in ("whole", "part"):
            for scheme in ("gpt", "media")[: 2 if encoder == "whole" else 1]:
                fake_store.measure(encoder, "none", case, scheme, (0.1, 0.2, 0.3, 0.4))
    plot = plot_sections(read_report_data(fake_store.con))[0].plots[0]
    assert plot.note == "Left out, not measured in all schemes of both cases: part."
