"""CSV, TSV, JSON lines and JSON as tables of images."""

import base64
import gzip
import json

import pytest
from attribase.ingest.images import open_source
from attribase.store import InvalidInputError

from ..stored import ingest, read_all, reasons


@pytest.fixture
def pictures(tmp_path, make_picture):
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(make_picture(ord(name)))
    return tmp_path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_of_any_delimiter_and_encoding(pictures, delimiter, encoding):
    lines = [
        ("path", "caption", "Artist"),
        ("a.png", '"caf\u00e9, 1; 2 | 3\t4\n5"', "Ann"),
        ("b.png", "", "Bob"),
    ]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    (pictures / "l.csv").write_bytes(text.encode(encoding))
    first, second = read_all(pictures / "l.csv").values()
    assert (first.caption, first.creator) == ("caf\u00e9, 1; 2 | 3\t4\n5", "Ann")
    assert (second.caption, second.creator) == (None, "Bob")
    assert first.uri == str(pictures / "a.png")


def test_broken_lines_of_a_csv_are_failures_that_name_the_line(pictures):
    (pictures / "l.csv").write_text("path,artist\na.png,Ann\nb.png\nb.png,Bob,extra\n\nb.png,Bob\n")
    read = read_all(pictures / "l.csv")
    name = f"{pictures}/l.csv"
    assert reasons(read) == {f"{name}#1": "bad-row", f"{name}#2": "bad-row"}
    assert read[f"{name}#1"].detail == "line 3 has 1 fields, the header 2"
    assert read[f"{name}#3"].creator == "Bob"


@pytest.mark.parametrize("text", ["", "\n", "path,path\na,b\n"])
def test_a_csv_without_a_proper_header_is_refused(tmp_path, text):
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(InvalidInputError, match="is not a CSV file"):
        open_source(str(tmp_path / "l.csv"))


def test_pictures_in_base64_are_read_from_csv_whatever_their_length(tmp_path, make_picture):
    data = make_picture(1, (300, 300))
    assert len(data) > 131072  # the csv module's own limit on a field
    (tmp_path / "l.csv").write_text(f"id,picture\n7,{base64.b64encode(data).decode()}\n")
    (record,) = read_all(tmp_path / "l.csv").values()
    assert (record.data, record.metadata) == (data, {"id": "7"})


@pytest.mark.parametrize("name", ["l.jsonl", "l.ndjson", "l.json", "l.jsonl.gz"])
def test_json_lines_of_any_name(pictures, name):
    lines = [{"path": "a.png", "text": "a"}, {"path": "b.png", "text": "b", "score": 0.5}]
    data = "\n".join(map(json.dumps, lines)).encode()
    (pictures / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    first, second = read_all(pictures / name).values()
    assert (first.caption, second.caption, second.metadata) == ("a", "b", {"score": 0.5})


def test_broken_json_lines_are_failures(pictures):
    (pictures / "l.jsonl").write_text(
        '{"path": "a.png"}\n{broken\n[1]\n{"path": "b.png", "text": "\\ud800x"}\n'
    )
    read = read_all(pictures / "l.jsonl")
    name = f"{pictures}/l.jsonl"
    assert reasons(read) == {f"{name}#1": "bad-row", f"{name}#2": "bad-row"}
    assert read[f"{name}#3"].caption == "?x"


@pytest.mark.parametrize(
    "document",
    [
        [{"path": "a.png", "text": "a"}],
        {"data": [{"path": "a.png", "text": "a"}], "version": 1},
        {"a.png": {"text": "a"}},
    ],
)
def test_json_documents(pictures, document):
    (pictures / "l.json").write_text(json.dumps(document))
    (record,) = read_all(pictures / "l.json").values()
    assert (record.caption, record.uri) == ("a", str(pictures / "a.png"))


@pytest.mark.parametrize("text", ["[", "[1, 2]", "{}", '"a"', '{"a": [1], "b": 2}'])
def test_json_that_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "l.json").write_text(text)
    with pytest.raises(InvalidInputError, match="is not a"):
        open_source(str(tmp_path / "l.json"))


def test_a_stopped_job_over_json_lines_goes_on(store, tmp_path, make_picture):
    lines = [json.dumps({"image": base64.b64encode(make_picture(n)).decode(), "n": n}) for n in range(7)]
    (tmp_path / "l.jsonl").write_text("\n".join(lines))
    from attribase.ingest.images import ingest_images

    steps = ingest_images(store, open_source(str(tmp_path / "l.jsonl")), "gallery", shard_size=2)
    assert [next(steps).done for _ in range(3)] == [0, 2, 4]
    steps.close()
    ingest(store, tmp_path / "l.jsonl", shard_size=2)
    found = sorted(
        json.loads(text)["n"] for text in store.read("images", ["metadata"])["metadata"].to_pylist()
    )
    assert found == list(range(7))


@pytest.mark.parametrize("name", ["l.jsonl.gz", "l.csv.gz"])
def test_a_compressed_table_that_was_cut_off_is_refused(tmp_path, name):
    lines = "\n".join(f'{{"url": "https://e.x/{number}"}}' for number in range(1000))
    (tmp_path / name).write_bytes(gzip.compress(lines.encode())[:-200])
    with pytest.raises(InvalidInputError, match="is not a"):
        open_source(str(tmp_path / name))
