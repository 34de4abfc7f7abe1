"""WikiArt's folders of styles and its tables of genres."""

import io

import pytest
from attribase.ingest.images import ingest_images, open_source
from attribase.store import InvalidInputError, NotFoundError, Store
from PIL import Image

MONET = "Impressionism/claude-monet_water-lilies-1.jpg"
PICASSO = "Analytical_Cubism/pablo-picasso_a-glass.jpg"


@pytest.fixture
def wikiart(tmp_path):
    for number, path in enumerate((MONET, PICASSO, "Analytical_Cubism/unnamed.jpg")):
        file = tmp_path / "wikiart" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        data = io.BytesIO()
        Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(data, "JPEG")
        file.write_bytes(data.getvalue())
    tables = tmp_path / "wikiart_csv"
    tables.mkdir()
    (tables / "genre_class.txt").write_text("0 abstract_painting\n4 landscape\n")
    (tables / "genre_train.csv").write_text(f"{MONET},4\n")
    (tables / "genre_val.csv").write_text(f"{PICASSO},0\n")
    return tmp_path


def labels(source):
    return {
        item: (
            record.creator,
            record.category,
            record.subfolder,
            *(record.metadata.get(name) for name in ("style", "genre", "title")),
        )
        for item, record in source.read(source.items())
    }


@pytest.mark.parametrize("folder", ["", "/wikiart"])
def test_artist_style_genre_and_title_come_from_names_and_tables(wikiart, folder):
    assert labels(open_source(f"wikiart:{wikiart}{folder}")) == {
        MONET: ("Claude Monet", None, None, "Impressionism", "landscape", "water lilies 1"),
        PICASSO: ("Pablo Picasso", None, None, "Analytical Cubism", "abstract painting", "a glass"),
        "Analytical_Cubism/unnamed.jpg": (None, None, None, "Analytical Cubism", None, None),
    }


def test_without_tables_there_are_no_genres(wikiart):
    (wikiart / "wikiart_csv").rename(wikiart / "elsewhere")
    assert {genre for *_, genre, _ in labels(open_source(f"wikiart:{wikiart}")).values()} == {None}


def test_the_source_changes_with_its_tables(wikiart):
    before = open_source(f"wikiart:{wikiart}").describe()
    (wikiart / "wikiart_csv" / "genre_train.csv").write_text(f"{MONET},0\n")
    assert open_source(f"wikiart:{wikiart}").describe() != before


@pytest.mark.parametrize("line", ["7", "Impressionism/x.jpg,7", "Impressionism/x.jpg,"])
def test_a_line_without_a_known_genre_is_named(wikiart, line):
    (wikiart / "wikiart_csv" / "genre_val.csv").write_text(f"{PICASSO},0\n{line}\n")
    with pytest.raises(InvalidInputError, match=r"line 2 of genre_val\.csv"):
        open_source(f"wikiart:{wikiart}").describe()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="no folder"):
        open_source(f"wikiart:{tmp_path}/nowhere")


def test_the_images_are_stored_with_their_labels(wikiart, tmp_path):
    store = Store.create(tmp_path / "store")
    list(ingest_images(store, open_source(f"wikiart:{wikiart}"), "wikiart"))
    rows = store.read("images", ["creator", "category", "metadata"]).to_pylist()
    monet = next(row for row in rows if row["creator"] == "Claude Monet")
    assert '"style": "Impressionism"' in monet["metadata"]
    assert {row["category"] for row in rows} == {None}
