"""Every number in a report is the one that a view has."""

import pytest
from attribase.query.report.render import render_markdown, render_page

METRICS = ("recall_5", "recall_10", "recall_100", "map")


def rows_of(store, statement):
    return store.con.sql(statement).to_arrow_table().to_pylist()


def named(mapper):
    return "raw" if mapper == "none" else mapper


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch):
    monkeypatch.setattr("attribase.query.report.content.plot_sections", lambda _: [])


@pytest.fixture
def mixed(as_published):
    """Measured as published, one of them off; an encoder of one's own; cases that the paper does not have."""
    as_published.con.execute(
        "update metrics set recall_10 = recall_10 + 0.0123456 where encoder = 'clip' and case_name = 'bamfg'"
    )
    for case, scheme, low in (("bamfg", "gpt", 0.1), ("bamfg", "object", 0.2), ("mine", "gpt", 0.3)):
        for mapper, more in (("none", 0.0), ("best", 0.1)):
            values = tuple(low + more + i / 7 for i in range(4))
            as_published.measure("my-encoder", mapper, case, scheme, values, samples=77, models=7)
    as_published.gain("clip", "tuned", "bamfg", "gpt", 0.17, 0.243, 0.02)
    as_published.gain("my-encoder", "best", "mine", "gpt", 0.3 + 1 / 7, 0.4 + 1 / 7, 0.2)
    return as_published


def test_page_has_every_measured_number_in_full(mixed, contents, reading):
    places = reading.Page(render_page(contents(mixed))).places()
    measured = rows_of(mixed, "from metrics where split = 'test'")
    assert len(measured) == 38
    for row in measured:
        cells = places[f"{row['case_name']}, {row['scheme']}", row["encoder"], named(row["mapper"])]
        assert [cell["value"] for cell in cells] == [row[metric] for metric in METRICS]
        assert [cell["text"] for cell in cells] == [f"{row[metric]:.3f}" for metric in METRICS]


def test_page_has_the_interval_under_every_measured_number(mixed, contents, reading):
    places = reading.Page(render_page(contents(mixed))).places()
    for row in rows_of(mixed, "from intervals where split = 'test'"):
        cells = places[f"{row['case_name']}, {row['scheme']}", row["encoder"], named(row["mapper"])]
        cell = cells[["recall_5", "recall_10", "recall_100", "ap"].index(row["metric"])]
        assert [float(end) for end in cell["small"].split("–")] == [
            pytest.approx(row[end], abs=0.0005) for end in ("low", "high")
        ]


def test_published_numbers_stand_under_the_measured_ones(mixed, contents, reading):
    places = reading.Page(render_page(contents(mixed))).places()
    published = rows_of(
        mixed, "from published where encoder in ('clip', 'dino') and mapper in ('none', 'object+style')"
    )
    assert len(published) == 32
    for row in published:
        name = "raw" if row["mapper"] == "none" else "tuned"
        cells = places[f"{row['case_name']}, {row['scheme']}", row["encoder"], f"{name} published"]
        assert [cell["value"] for cell in cells] == [row[metric] for metric in METRICS]


def test_differences_from_published_are_marked(mixed, contents, reading):
    places = reading.Page(render_page(contents(mixed))).places()
    off = places["bamfg, gpt", "clip", "raw published"]
    assert [("same" in cell["class"], cell["small"]) for cell in off] == [
        (True, ""), (False, "+0.012"), (True, ""), (True, ""),
    ]  # fmt: skip


def test_published_tables_are_complete(mixed, contents, reading):
    tables = [rows for _, kind, rows in reading.Page(render_page(contents(mixed))).tables if kind == "wide"]
    shown = {
        (rows[0][1]["text"], row[0]["text"]): [cell["value"] for cell in row[1:5]]
        for rows in tables
        for row in rows[2:]
    }
    first = {"observed_imagenet": "gpt", "unobserved_imagenet": "gpt"}
    for row in rows_of(mixed, "from published"):
        if first.get(row["case_name"]) == row["scheme"]:
            key = f"{row['case_name']}, {row['scheme']}", f"{row['encoder']} {named(row['mapper'])}"
            assert shown[key] == [row[metric] for metric in METRICS]
    assert sum(len(row) - 1 for rows in tables for row in rows[2:]) == 288 * 4


def test_gains_are_those_of_the_view(mixed, contents, reading):
    page = reading.Page(render_page(contents(mixed)))
    rows = next(rows for heading, _, rows in page.tables if heading == "What a mapper changes")
    shown = {row[0]["text"]: [cell["value"] for cell in row[1:]] for row in rows[1:]}
    for row in rows_of(mixed, "from differences where first = 'none'"):
        start = 0 if row["metric"] == "recall_10" else 3
        values = shown[f"{row['case_name']}, {row['scheme']}"][start : start + 3]
        assert values == [row["first_mean"], row["second_mean"], row["difference"]]


def test_markdown_has_every_number_with_three_decimals(mixed, contents, reading):
    content = contents(mixed)
    tables = reading.markdown_tables(render_markdown(content, {}))
    for row in rows_of(mixed, "from metrics"):
        lines = tables[f"{row['case_name']}, {row['scheme']}"]
        name = f"{row['encoder']} {named(row['mapper'])}"
        (line,) = [line for line in lines if line[0].partition(" (")[0] == name]
        assert [cell.strip("*").split(" ")[0].strip("*") for cell in line[1:]] == [
            f"{row[metric]:.3f}" for metric in METRICS
        ]


def test_markdown_and_page_say_the_same(mixed, contents, reading):
    content = contents(mixed)
    page, text = reading.Page(render_page(content)).text, render_markdown(content, {})
    for sentence in (*content.findings, *content.missing):
        assert sentence in page
        assert sentence in reading.unescaped(text)


def test_agreement_counts_numbers_that_agree_with_the_paper(mixed, contents):
    (finding,) = [finding for finding in contents(mixed).findings if "the paper also has" in finding]
    assert "Of 128 numbers that the paper also has, 124 are the same to three decimals" in finding
    assert "for 4 more the published number is inside the 95% interval, for 0 outside" in finding


def test_best_is_the_highest_recall_at_ten(mixed, contents):
    for best in contents(mixed).best:
        (top,) = rows_of(
            mixed,
            f"select max(recall_10) as top from metrics where case_name = '{best.case_scheme.case}'"
            f" and scheme = '{best.case_scheme.scheme}'",
        )
        assert best.score.value == top["top"]
        assert best.second_score is None or best.second_score.value <= top["top"]


def test_numbers_are_of_the_test_split(as_published, contents):
    as_published.measure("clip", "none", "bamfg", "gpt", (0.9, 0.9, 0.9, 0.9), split="val")
    content = contents(as_published)
    assert all(
        row.cells[0].value < 0.9 for table in content.tables for _, rows in table.groups for row in rows
    )
    assert "Also measured, and not shown: val" in content.splits


def test_val_is_reported_where_nothing_is_measured_on_test_models(fake_store, contents):
    fake_store.measure("e", "none", "a", "gpt", (0.1, 0.2, 0.3, 0.4), split="val")
    assert contents(fake_store).splits.startswith("Numbers are of the split 'val'")


def test_rows_have_their_samples_where_these_differ(mixed, contents):
    tables = {table.case_scheme: table for table in contents(mixed).tables}
    notes = {row.note for _, rows in tables["bamfg", "gpt"].groups for row in rows if not row.published}
    assert notes == {"200 samples of 20 models", "77 samples of 7 models"}
    assert tables["mine", "gpt"].samples == "77 samples of 7 models"
