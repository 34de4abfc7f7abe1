"""`query attribute`: the state of the store that it asks, and what its output says of that."""

import io
import json

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from attribase.query.attribution.provenance import LIMITS
from attribase.store.maintenance import compact


def answer_of(said):
    assert said.exit_code == 0, said.stderr
    answer = json.loads(said.stdout)
    return {name: value for name, value in answer.items() if name != "provenance"}, answer["provenance"]


def test_the_state_that_an_answer_names_gives_the_same_answer_after_more_was_ingested(run, small):
    first, source = answer_of(run("m0-s0", "-k", "4", "--format", "json"))
    small.images(["late"], "gallery", np.asarray([small.vectors["m0-s0"]]))
    small.calibrate(0.9, 0.0)
    later, _ = answer_of(run("m0-s0", "-k", "4", "--format", "json"))
    assert later["results"][0]["image_id"] == "late"
    again, same = answer_of(run("m0-s0", "-k", "4", "--format", "json", "--at", source["at"]))
    assert again == first
    assert (same["at"], same["tables_version"]) == (source["at"], source["tables_version"])


def test_a_tag_is_named_and_taken(run, small):
    small.store.tag("before")
    first, source = answer_of(run("m0-s0", "--format", "json"))
    assert source["at"] == "before"
    small.images(["late"], "gallery", np.asarray([small.vectors["m0-s0"]]))
    for at in ("before", source["tables_version"]):
        assert answer_of(run("m0-s0", "--format", "json", "--at", at))[0] == first


@pytest.mark.parametrize("at", ["never", "0123456789ab", "last week", "2001-01-01"])
def test_no_state_of_the_store_is_one_error(run, at):
    refused = run("m0-s0", "--at", at)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.count("error: ") == refused.stderr.count("next: ") == 1


def test_a_state_that_compaction_removed_says_so_and_names_tags(run, small):
    from datetime import timedelta

    _, source = answer_of(run("m0-s0", "--format", "json"))
    small.images(["late"], "gallery", np.asarray([small.vectors["m0-s0"]]))
    list(compact(small.store, keep=timedelta(0)))
    refused = run("m0-s0", "--at", source["at"])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "removed by compaction" in refused.stderr
    assert "attribase -s STORE tag NAME" in refused.stderr


def test_a_terminal_ends_with_the_store_its_state_and_the_limits_on_stderr(run):
    _, source = answer_of(run("m0-s0", "--format", "json"))
    said = run("m0-s0")
    last = said.stderr.splitlines()[-1]
    assert last.startswith(
        f"store {source['store']} at {source['at']}, {source['software']}, enc/none; no proof"
    )
    assert source["at"] not in said.stdout


@pytest.mark.parametrize("by", [(), ("--by", "creator"), ("--by", "creator", "--by", "license")])
def test_rows_of_every_file_say_where_they_come_from(run, tmp_path, by):
    _, source = answer_of(run("m0-s0", "--format", "json"))
    wanted = {"store": source["store"], "store_at": source["at"], "software": source["software"]}
    for ending, read in {"csv": pl.read_csv, "parquet": pl.read_parquet}.items():
        file = tmp_path / f"rows.{ending}"
        assert run("m0-s0", "absent", *by, "-o", str(file)).exit_code == 1
        *rows, failed = read(file).to_dicts()[-20:]
        assert rows
        assert all(
            row | wanted | {"limits": " ".join(LIMITS)} == row for row in rows if row["query"] == "m0-s0"
        )
        assert (failed["query"], failed["store_at"]) == ("absent", None)
    said = json.loads(pq.read_schema(tmp_path / "rows.parquet").metadata[b"attribase"])
    assert (said["at"], said["encoder"], said["limits"]) == (source["at"], "enc", list(LIMITS))


def test_a_spreadsheet_says_on_its_second_sheet_where_rows_come_from(run, tmp_path):
    _, source = answer_of(run("m0-s0", "--format", "json"))
    run("m0-s0", "m1-s0", "-o", str(tmp_path / "rows.xlsx"))
    data = io.BytesIO((tmp_path / "rows.xlsx").read_bytes())
    about = dict(pl.read_excel(data, sheet_name="about", has_header=False).rows())
    assert about["question"] == "m0-s0, m1-s0"
    assert about["store"] == f"{source['store']} at {source['at']}"
    assert about["limits"] == " ".join(LIMITS)
    assert "store_at" not in pl.read_excel(data, sheet_name="rows").columns
