"""`query attribute`: formats, several items, owners, copies, conditions, and the page."""

import csv
import io
import json
import re

import numpy as np
import pyarrow as pa
import pytest
from attribase.cli import cli
from attribase.query import attribute_many
from attribase.query.attribution.markup import percent
from attribase.query.attribution.page import LARGEST, SMALLEST
from click.testing import CliRunner


def test_one_item_is_an_object_and_several_are_a_list(run, small):
    one = json.loads(run("m0-s0", "--format", "json", "-k", "3").stdout)
    wanted = json.loads(json.dumps(attribute_many(small.store, ["m0-s0"], k=3)[0].to_dict()))
    for answer in (one, wanted):
        answer["provenance"].pop("date")  # each its own
    assert one == wanted
    both = json.loads(run("m0-s0", "m1-s0", "--format", "json", "-k", "3").stdout)
    assert [answer["query"] for answer in both] == ["m0-s0", "m1-s0"]
    for alone, beside in zip(one["results"], both[0]["results"], strict=True):
        assert beside == alone | {"influence": pytest.approx(alone["influence"], rel=1e-6)}


def test_csv_and_arrow_are_one_row_an_image(run):
    rows = list(csv.DictReader(io.StringIO(run("m0-s0", "m1-s0", "-k", "4", "--format", "csv").stdout)))
    assert [(row["query"], int(row["rank"])) for row in rows] == [
        (query, rank) for query in ("m0-s0", "m1-s0") for rank in (1, 2, 3, 4)
    ]
    stream = run("m0-s0", "m1-s0", "-k", "4", "--format", "arrow").stdout_bytes
    table = pa.ipc.open_stream(stream).read_all()
    assert table["image_id"].to_pylist() == [row["image_id"] for row in rows]
    assert table["influence"].to_pylist() == pytest.approx(
        [float(row["influence"]) for row in rows], abs=5e-7
    )


def test_owners_are_the_rows_where_they_were_asked_for(run):
    said = run("m0-s0", "--by", "creator", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(said)))
    assert {row["creator"] for row in rows} == {"c0", "c1", "c2"}
    assert sum(float(row["influence"]) for row in rows) == pytest.approx(1, abs=5e-6)
    shares = json.loads(run("m0-s0", "--by", "creator", "--format", "json").stdout)["shares"]
    assert [share["name"] for share in shares] == [row["creator"] for row in rows]
    assert "by creator" in run("m0-s0", "--by", "creator").stdout


def test_a_table_says_how_much_is_not_listed_and_what_was_compared(run):
    listed = run("m0-s0", "-k", "2", "--dedup", "0.99")
    assert len(listed.stdout.splitlines()) == 4  # names, a line, two images
    assert re.search(
        r"[\d.]+% of the influence is not listed; compared with all 226 images of the pool", listed.stderr
    )


def test_conditions_and_methods_reach_the_search(run):
    said = json.loads(run("m0-s0", "--where", "creator = 'c2'", "--exact", "--format", "json").stdout)
    assert {result["creator"] for result in said["results"]} == {"c2"}
    assert (said["where"], said["method"]) == ("creator = 'c2'", "exact")
    refused = run("m0-s0", "--index")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "attribase -s STORE index" in refused.stderr


@pytest.mark.parametrize(
    "wrong", [["-k", "0"], ["--dedup", "2"], ["--by", "shoe"], ["--by", "metadata."], ["--limit", "0"], []]
)
def test_wrong_usage_exits_2(run, wrong):
    assert run(*(["m0-s0", *wrong] if wrong else [])).exit_code == 2


def test_a_page_shows_pictures_sized_by_influence_and_needs_nothing_else(run, small, tmp_path, picture):
    asked = picture("red")
    small.store.upsert("samples", [{"sample_id": "m0-s0", "model_id": "m0", "bytes": asked}], update=True)
    best = json.loads(run("m0-s0", "--format", "json", "-k", "6").stdout)["results"]
    rows = [
        {"image_id": r["image_id"], "creator": "<b>O'Hara & Sons</b>", "bytes": picture("blue")}
        for r in best[:5]
    ]
    small.store.upsert("images", rows, update=True)
    listed = run("m0-s0", "-k", "6", "--html", str(tmp_path / "page.html"), "--by", "creator")
    page = (tmp_path / "page.html").read_text()
    assert listed.exit_code == 0
    assert page.count("data:image/png;base64,") == 6  # five of the six, and what was asked about
    assert "no bytes" in page  # the sixth has one byte that is no picture
    assert "O&#39;Hara &amp; Sons" in page
    assert "<b>O" not in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    sides = [int(side) for side in re.findall(r'style="--side:(\d+)"', page)]
    shares = [result["influence"] for result in best]
    assert sides == [max(SMALLEST, round(LARGEST * share**0.5)) for share in shares]  # of any answer


def test_a_page_that_cannot_be_written_says_so(run, tmp_path):
    refused = run("m0-s0", "--html", str(tmp_path / "no" / "page.html"))
    assert refused.exit_code == 1
    assert "cannot write" in refused.stderr


def test_a_file_and_a_sample_are_answered_together(run, tmp_path, monkeypatch, picture):
    import attribase.runtime as runtime

    class Flat:
        captions = False

        def encode(self, images):
            return np.stack([np.asarray(image, np.float32).ravel()[:16] + 1 for image in images])

    monkeypatch.setattr(runtime, "load_encoder", lambda *_, **__: Flat())
    (tmp_path / "one.png").write_bytes(picture((10, 200, 30)))
    said = json.loads(run(str(tmp_path / "one.png"), "m1-s0", "--format", "json").stdout)
    assert [answer["query"] for answer in said] == [str(tmp_path / "one.png"), "m1-s0"]
    page = tmp_path / "page.html"
    assert run(str(tmp_path / "one.png"), "m1-s0", "--html", str(page)).exit_code == 0
    assert page.read_text().count("data:image/png") == 1  # the file; fake samples have no bytes


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.png"
    path.write_bytes(b"<html>")
    return str(path)


def undated(answers):
    """Answers without the second in which they were asked for."""
    return [answer | {"provenance": answer["provenance"] | {"date": ""}} for answer in answers]


def test_one_bad_picture_of_many_is_an_error_beside_the_others_answers(run, bad):
    beside = run("m0-s0", bad, "nobody", "m1-s0", "-k", "2", "--format", "json")
    assert beside.exit_code == 1
    first, second, third, last = json.loads(beside.stdout)
    assert second == {
        "query": bad,
        "error": {
            "message": f"{bad}: the bytes are in no known image format",
            "hint": second["error"]["hint"],
            "status": 422,
        },
    }
    assert (third["query"], third["error"]["status"]) == ("nobody", 404)
    alone = json.loads(run("m0-s0", "m1-s0", "-k", "2", "--format", "json").stdout)
    assert undated([first, last]) == undated(alone)
    assert f"error: {bad}: the bytes are in no known image format" in beside.stderr
    assert "error: 'nobody' is no file, sample_id or sample's uri" in beside.stderr


@pytest.mark.parametrize("by", [(), ("--by", "creator")])
def test_csv_and_arrow_have_a_row_for_what_cannot_be_read(run, bad, by):
    said = run("m0-s0", bad, "-k", "2", "--format", "csv", *by)
    rows = list(csv.DictReader(io.StringIO(said.stdout)))
    assert said.exit_code == 1
    assert {row["query"] for row in rows if row["error"]} == {bad}
    assert rows[-1]["error"] == f"{bad}: the bytes are in no known image format"
    assert {row["query"] for row in rows if not row["error"]} == {"m0-s0"}
    stream = run("m0-s0", bad, "-k", "2", "--format", "arrow", *by)
    table = pa.ipc.open_stream(stream.stdout_bytes).read_all()
    assert (stream.exit_code, table["error"].to_pylist()[-1]) == (1, rows[-1]["error"])


def test_tables_and_pages_show_the_others_answers_too(run, bad, tmp_path):
    page = tmp_path / "page.html"
    said = run("m0-s0", bad, "-k", "2", "--html", str(page))
    assert said.exit_code == 1
    assert len(said.stdout.splitlines()) == 5  # a title, names, a line, two images
    assert said.stderr.count("error: ") == 1
    assert f'<h1>No answer</h1>\n<p class="soft warn">{bad}: the bytes' in page.read_text()


def test_a_single_bad_picture_is_named(run, bad):
    said = run(bad, "--format", "json")
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.startswith(f"error: {bad}: the bytes are in no known image format\nnext:  use PNG")


def test_only_bad_pictures_are_only_errors(run, bad):
    said = run(bad, "nobody", "--format", "json")
    assert said.exit_code == 1
    assert ["error" in one for one in json.loads(said.stdout)] == [True, True]
    assert run(bad, "nobody").stdout == ""


def test_a_table_says_how_many_images_have_no_vector(run, small):
    small.store.upsert("members", [{"collection": "gallery", "image_id": "lost"}])
    said = run("m0-s0", "-k", "2")
    assert "% of the influence is not listed; compared with 226 of 227 images\n" in said.stderr
    assert "226 of 227 images of the pool were compared; 1 has no vector" in said.stderr
    row = next(csv.DictReader(io.StringIO(run("m0-s0", "--format", "csv").stdout)))
    assert [row[name] for name in ("exact", "complete", "pool_size", "embedded", "searched")] == [
        "False",
        "False",
        "227",
        "226",
        "226",
    ]


@pytest.fixture
def ask(judged_once):
    def invoke(*arguments):
        return CliRunner().invoke(cli, ["-s", judged_once.store.uri, "query", "attribute", *arguments])

    return invoke


def test_a_table_begins_with_none_of_these(ask, judged_once):
    (answer,) = attribute_many(judged_once.store, ["t1-s0"], alpha=0.1)
    lines = ask("t1-s0", "--alpha", "0.1", "-k", "3").stdout.splitlines()
    assert lines[0].startswith("none of these: up to ")
    assert f"{answer.set_size} of {answer.embedded} images" in lines[1]
    assert "in_set" in lines[2]
    assert ask("t0-s0", "--alpha", "0.1").stdout.startswith("attributed: ")
    assert "in_set" not in ask("t0-s0").stdout


def test_a_level_is_in_json_csv_and_on_the_page(ask, tmp_path):
    page = tmp_path / "answer.html"
    said = ask("t1-s0", "--alpha", "0.1", "--format", "json", "--html", str(page))
    one = json.loads(said.stdout)
    assert (one["alpha"], one["attributed"], one["kind"]) == (0.1, False, "object")
    assert {type(result["in_set"]) for result in one["results"]} == {bool}
    text = page.read_text(encoding="utf-8")
    assert 0 < text.index("<h1>None of these</h1>") < text.index("Up to ") < text.index("in the set")
    (row, *_) = csv.DictReader(io.StringIO(ask("t1-s0", "--alpha", "0.1", "--format", "csv").stdout))
    assert float(row["p_none"]) == pytest.approx(one["p_none"], abs=5e-7)
    assert (row["attributed"].lower(), row["set_size"]) == ("false", str(one["set_size"]))
    every = json.loads(ask("t1-s0", "--kind", "all", "--format", "json").stdout)
    assert (every["kind"], every["attributed"]) == (None, None)


def test_a_level_without_an_abstention_is_one_line_and_the_command(run):
    said = run("m0-s0", "--alpha", "0.1")
    assert said.exit_code == 1
    assert said.stderr.splitlines() == [
        "error: no abstention was trained for enc with none",
        "next:  attribase -s STORE train abstention --encoder enc --mapper none",
    ]
    assert run("m0-s0", "--alpha", "1").exit_code == 2


def test_owners_in_a_table_have_their_part_of_influence_and_pool_side_by_side(run, small):
    (answer,) = attribute_many(small.store, ["m1-s0"], k=1, by="creator")
    lines = run("m1-s0", "-k", "1", "--by", "creator").stdout.splitlines()
    start = lines.index("by creator")
    head = ["creator", "influence", "owned", "images", "best_match", "image_id"]
    assert lines[start + 1].split() == head
    shown = [line.split() for line in lines[start + 2 :] if line and "─" not in line]
    assert shown == [
        [
            share.name,
            percent(share.influence),
            percent(share.owned),
            str(share.images),
            f"{share.similarity:.3f}",
            share.image_id,
        ]
        for share in answer.shares
    ]


def test_features_without_shares_are_said_first_and_owners_have_their_best_match(small):
    command = ["-s", small.store.uri, "query", "attribute", "m1-s0", "-k", "2", "--by", "creator"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "these features cannot give shares: enc with none is not calibrated"
    assert {"c0", "c1", "c2"} <= {line.split()[0] for line in lines[lines.index("by creator") :] if line}
    assert "no influence" not in result.output
