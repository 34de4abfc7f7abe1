"""`query sql`, `tag` and `tags`: where statements come from, where answers go, and when."""

import csv
import io
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.cli import cli
from attribase.store import Store
from click.testing import CliRunner

STATEMENT = "select image_id, collection from members order by image_id"
ROWS = [{"image_id": name, "collection": "gallery"} for name in "abc"]


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "store")
    store.upsert("members", ROWS)
    return store


@pytest.fixture
def run(store):
    def run(*args, **options):
        return CliRunner().invoke(cli, ["-s", store.uri, *map(str, args)], **options)

    return run


READERS = {
    "csv": lambda data: list(csv.DictReader(io.StringIO(data.decode()))),
    "json": json.loads,
    "arrow": lambda data: pa.ipc.open_stream(data).read_all().to_pylist(),
    "parquet": lambda data: pq.read_table(io.BytesIO(data)).to_pylist(),
}


@pytest.mark.parametrize("fmt", READERS)
def test_every_format_reads_back_from_stdout_and_from_a_file(run, tmp_path, fmt):
    piped = run("query", "sql", STATEMENT, "--format", fmt)
    assert piped.exit_code == 0, piped.stderr
    assert READERS[fmt](piped.stdout_bytes) == ROWS
    file = tmp_path / f"rows.{fmt}"
    written = run("query", "sql", STATEMENT, "--format", fmt, "-o", file)
    assert (written.exit_code, written.stdout) == (0, "")
    assert file.read_bytes() == piped.stdout_bytes
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_statement_comes_from_an_argument_a_file_or_standard_input(run, tmp_path):
    file = tmp_path / "question.sql"
    file.write_text(f"-- é: which ones?\n{STATEMENT};\n", encoding="utf-8")
    answers = [
        run("query", "sql", STATEMENT),
        run("query", "sql", "-f", file),
        run("query", "sql", "--file", "-", input=STATEMENT),
        run("query", "sql", input=STATEMENT),
    ]
    assert [answer.exit_code for answer in answers] == [0] * 4
    assert len({answer.stdout for answer in answers}) == 1
    assert answers[0].stdout.split()[-2:] == ["c", "gallery"]
    assert run("query", "sql", STATEMENT, "-f", file).exit_code == 2
    assert run("query", "sql", "-f", tmp_path / "none.sql").exit_code == 2


def test_parameters_may_be_named_with_or_without_their_sign(run):
    statement = "select count(*) as n from members where image_id >= $low and image_id < $high"
    result = run("query", "sql", statement, "--param", "low=b", "--param", "$high=c", "--format", "json")
    assert json.loads(result.stdout) == [{"n": 1}]


@pytest.mark.parametrize("fmt", ["arrow", "parquet"])
def test_binary_formats_are_refused_on_a_terminal(run, monkeypatch, tmp_path, fmt):
    monkeypatch.setattr("attribase.commands.output.stdout_is_terminal", lambda: True)
    refused = run("query", "sql", STATEMENT, "--format", fmt)
    assert refused.exit_code == 1
    assert refused.stdout_bytes == b""
    assert "-o" in refused.stderr
    assert run("query", "sql", STATEMENT, "--format", fmt, "-o", tmp_path / "x").exit_code == 0


def test_a_table_says_how_much_it_leaves_out(run):
    lines = run("query", "sql", "from range(1000)", "--max-rows", "5").stdout.splitlines()
    assert lines[-1] == "(5 of 1000 rows)"
    assert len(lines) == 2 + 5 + 1


def test_an_error_is_one_line_with_its_place_and_one_with_what_next(run, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("what was there")
    result = run("query", "sql", "select\n  nope\nfrom members", "--format", "csv", "-o", file)
    assert result.exit_code == 1
    said = result.stderr.splitlines()
    assert said[0].startswith("error: Binder Error at 2:3: ")
    assert said[1].startswith("next: ")
    assert len(said) == 2
    assert file.read_text() == "what was there"


def test_a_link_stays_a_link_and_a_pipe_is_written_into(run, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "near.csv").symlink_to(tmp_path / "far" / "rows.csv")
    assert run("query", "sql", STATEMENT, "--format", "csv", "-o", tmp_path / "near.csv").exit_code == 0
    assert (tmp_path / "near.csv").is_symlink()
    assert (tmp_path / "far" / "rows.csv").read_text().startswith("image_id,")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert run("query", "sql", STATEMENT, "--format", "json", "-o", pipe).exit_code == 0
    assert json.loads(os.read(reader, 4096)) == ROWS
    os.close(reader)
    assert pipe.is_fifo()


def test_an_answer_that_breaks_off_leaves_no_half_file(run, tmp_path):
    statement = "select case when i = 90000 then error('boom') else i end as i from range(100000) t(i)"
    result = run("query", "sql", statement, "--format", "parquet", "-o", tmp_path / "rows.parquet")
    assert result.exit_code == 1
    assert "boom" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_file_that_cannot_be_written_is_a_clear_error(run, tmp_path):
    result = run("query", "sql", STATEMENT, "-o", tmp_path / "nowhere" / "rows.csv")
    assert result.exit_code == 1
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_statement_reads_the_store_as_it_was(run, store):
    assert "no tags yet" in run("tags").stderr
    assert run("tag", "before").exit_code == 0
    store.upsert("members", [{"collection": "gallery", "image_id": "d"}])
    count = "select count(*) as n from members"
    asked = {
        at: json.loads(run("query", "sql", count, "--format", "json", *options).stdout)[0]["n"]
        for at, options in {"now": (), "before": ("--at", "before")}.items()
    }
    assert asked == {"now": 4, "before": 3}
    new = "select image_id from members where image_id not in (select image_id from before.members)"
    assert json.loads(run("query", "sql", new, "--format", "json").stdout) == [{"image_id": "d"}]
    (tag,) = json.loads(run("tags", "--format", "json").stdout)
    assert (tag["tag"], tag["tables"]) == ("before", len(store.tables()))
    at_once = run("query", "sql", count, "--at", tag["created"], "--format", "json")
    assert json.loads(at_once.stdout) == [{"n": 3}]
    assert run("tag", "before").exit_code == 1
    assert run("tag", "before", "--delete").exit_code == 0
    assert run("query", "sql", count, "--at", "before").exit_code == 1


def test_tagged_versions_are_asked_after_compaction(run, store):
    run("tag", "before")
    store.upsert("members", [{"collection": "gallery", "image_id": name} for name in "def"])
    assert run("compact").exit_code == 0
    result = run("query", "sql", "select count(*) as n from before.members", "--format", "json")
    assert json.loads(result.stdout) == [{"n": 3}]


def test_help_of_sql_loads_no_duckdb():
    import subprocess

    code = (
        "import sys; from attribase.cli import cli; from click.testing import CliRunner;"
        "CliRunner().invoke(cli, ['query', 'sql', '--help']); sys.exit('duckdb' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_in_another_encoding_is_one_line_of_error(run, tmp_path):
    (tmp_path / "latin1.sql").write_bytes(b"select 1\nwhere 'caf\xe9' = 'x'")
    said = run("query", "sql", "-f", tmp_path / "latin1.sql")
    assert (said.exit_code, said.stdout) == (1, "")
    assert "latin1.sql is not UTF-8: line 2 has the byte 0xe9" in said.stderr


def test_of_several_statements_the_last_one_answers(run):
    assert run("query", "sql", "select 1; select 2 as two", "--format", "csv").stdout == "two\n2\n"


@pytest.mark.parametrize(
    ("fmt", "wanted"),
    [("json", b'[{"a": 1, "a_1": 2, "i": "1 day"}]\n'), ("csv", b"a,a,i\n1,2,1 day\n")],
)
def test_doubled_names_and_intervals_are_written(run, tmp_path, fmt, wanted):
    out = tmp_path / "rows"
    statement = "select 1 as a, 2 as a, interval 1 day as i"
    said = run("query", "sql", statement, "--format", fmt, "-o", out)
    assert (said.exit_code, out.read_bytes()) == (0, wanted)
