"""The training-data summary: its figures against counts by hand, its forms, what the provider has to say."""

import json
from collections import Counter
from datetime import datetime
from html.parser import HTMLParser

import pytest
from attribase.query import connect
from attribase.query.summary import Provider, SourceKinds, read_source_kinds, summarise, summary_page
from attribase.query.summary.summary import image_range
from attribase.store import ConflictError, InvalidInputError, NotFoundError, Store
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal
from attribase.store.rights import Said, set_rights

NOW = datetime(2026, 11, 27)
HAND = Said("hand", "me")


@pytest.fixture
def filled(small):
    """Rights of some of the 200 images of the gallery and of exemplars; three images removed."""
    store = small.store
    ids = [f"g{n:03d}" for n in range(200)]
    set_rights(store, ids[:50], {"reservation": "none", "source": "museum"}, HAND)
    set_rights(store, [*ids[50:60], "e06"], {"reservation": "tdm", "rights_holder": "<Ada & Co>"}, HAND)
    set_rights(store, ids[60:63], {"reservation": "opt-out"}, HAND)
    rows = store.read("images").to_pylist()
    web = [
        row | {"uri": f"https://www.site{n % 25}.org/{n}.png", "bytes": b"?"} for n, row in enumerate(rows)
    ]
    web[7] |= {"metadata": "no json"}
    web[8] |= {"metadata": json.dumps({"rights": {"digital_source_type": "x/trainedAlgorithmicMedia"}})}
    store.upsert("images", web, update=True)
    list(remove(store, plan_removal(store, ids=ids[60:62]), reason="opt-out", models=True))
    list(remove(store, plan_removal(store, ids=["g199"]), reason="takedown", models=True))
    return store


def trained(store):
    """The images that models were trained on, by id."""
    gallery = {row["image_id"] for row in store.read("members").to_pylist() if row["collection"] == "gallery"}
    models = store.read("models", ["method", "exemplar_ids"]).to_pylist()
    exemplars = {one for row in models if row["method"] != "none" for one in row["exemplar_ids"]}
    rows = {row["image_id"]: row for row in store.read("images").to_pylist()}
    return {name: row for name, row in rows.items() if name in gallery | exemplars}, gallery, exemplars


def test_figures_are_the_counts_of_the_tables(filled):
    rows, gallery, exemplars = trained(filled)
    found = summarise(filled, NOW)
    overview = found.overview
    assert (overview["images"], overview["gallery"]) == (len(rows), len(gallery))
    assert overview["exemplars"] == len(exemplars)
    counts = Counter(row["reservation"] for row in rows.values())
    assert {row["value"]: row["images"] for row in found.fields["reservation"]} == counts
    assert overview["unknown_reservation"] == counts[None]
    assert overview["reserved"] == counts["tdm"] + counts["opt-out"] == 12
    holders = {row["value"]: (row["gallery"], row["exemplars"]) for row in found.fields["rights_holder"]}
    assert holders["<Ada & Co>"] == (10, 1)
    assert sum(row["share"] for row in found.fields["creator"]) == pytest.approx(1)
    assert (overview["removed"], overview["removed_reserved"], overview["erased"]) == (3, 2, 0)
    assert [(row["reason"], row["images"], row["reserved"]) for row in found.removals] == [
        ("opt-out", 2, 2),
        ("takedown", 1, 0),
    ]
    assert (
        overview["generated"] == sum("Algorithmic" in (row["metadata"] or "") for row in rows.values()) == 1
    )
    domains = Counter(row["uri"].split("/")[2].removeprefix("www.") for row in rows.values())
    assert found.domain_count == len(domains) == 25
    assert [row["images"] for row in found.domains] == sorted(domains.values(), reverse=True)[:3]
    assert (overview["undated"], overview["last_added"]) == (len(rows), None)


def test_the_state_of_a_tag_is_summarised_as_it_was(filled):
    filled.tag("before")
    set_rights(filled, ["g000"], {"reservation": "opt-out"}, HAND)
    then, now = summarise(filled, NOW, at="before"), summarise(filled, NOW)
    assert (then.state, now.overview["reserved"] - then.overview["reserved"]) == ("before", 1)


def test_sources_go_under_the_heading_that_the_table_says(filled, tmp_path):
    (tmp_path / "kinds.csv").write_text(
        "source,kind,link,note\nmuseum,Licensed,https://m.example,by contract\n"
    )
    found = summarise(filled, NOW, kinds=read_source_kinds(tmp_path / "kinds.csv"))
    (museum,) = found.sources["licensed"]
    assert (museum["source"], museum["images"], museum["note"]) == ("museum", 50, "by contract")
    (other,) = found.sources["unsaid"]
    assert other["source"] is None
    written = json.loads(json.dumps(found.to_dict()))["2 list of data sources"]
    assert [*written["sources by kind"]] == [
        "Private datasets licensed by rightsholders or their representatives"
    ]
    assert written["sources whose kind is not said"][0]["images"] == other["images"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,kind\na,public\n", "has the columns name, kind"),
        ("source,kind\na,maybe\n", "line 2: there is no kind 'maybe'"),
        ("source,kind\na,public\na,user\n", "line 3: the source 'a' is there twice"),
    ],
)
def test_a_table_of_kinds_that_cannot_be_used_is_an_error(tmp_path, text, said):
    (tmp_path / "kinds.csv").write_text(text)
    with pytest.raises(InvalidInputError, match=said):
        read_source_kinds(tmp_path / "kinds.csv")
    with pytest.raises(NotFoundError):
        read_source_kinds(tmp_path / "none.csv")


class Texts(HTMLParser):
    """The headings of a page, and all text of it."""

    def __init__(self, page):
        super().__init__()
        self.headings, self.text, self._in = [], "", False
        self.feed(page)

    def handle_starttag(self, tag, _):
        self._in = tag in ("h2", "h3")

    def handle_data(self, data):
        self.text += data
        if self._in and data.strip():
            self.headings.append(data.strip())
            self._in = False


def test_the_page_has_the_headings_of_the_template_and_says_what_is_open(filled):
    page = summary_page(summarise(filled, NOW, provider=Provider("Example <Ltd>"), kinds=SourceKinds()))
    found = Texts(page)
    numbers = [heading.split(" ")[0] for heading in found.headings]
    assert [one for one in numbers if one[0].isdigit()] == [
        *("1.", "1.1", "1.2", "1.3", "2.", "2.1", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6"),
        *("3.", "3.1", "3.2", "3.3"),
    ]
    assert "Example <Ltd>" in found.text
    assert "<Ada & Co>" in found.text
    assert found.text.count("to be said by the provider") == 4  # contact, model, date, languages
    assert "12 of the images in use have a reservation" in found.text
    assert "2 images with a reservation were removed" in found.text
    assert "http://" not in page.replace("http://www.w3.org", "")  # loads nothing


def test_an_empty_store_has_no_summary(tmp_path):
    with pytest.raises(ConflictError, match="no model of this store was trained"):
        summarise(Store.create(tmp_path / "a.store"), NOW)


def test_ranges_are_those_of_the_template():
    words = ["less than 1 million images", "1 million to 1 billion images", "more than 1 billion images"]
    assert [image_range(number) for number in (999_999, 1_000_000, 10**9)] == words


def test_the_views_can_be_asked_by_anyone(filled):
    with connect(filled.uri) as con:
        total = con.sql("select sum(images) from training_summary where field = 'license'").fetchall()
        assert total == [(len(trained(filled)[0]),)]
