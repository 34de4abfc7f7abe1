"""The SQL files: one statement each, with a header that is true of it."""

import ast
import re
from pathlib import Path

import attribase
import duckdb
import pytest
from attribase.query.sql.macros import MACROS
from attribase.query.sql.statements import SQL_DIR, load_sql, quote_name, schema_name, statement_names
from attribase.store import NotFoundError


@pytest.mark.parametrize("name", statement_names())
def test_a_statement_file_is_one_statement_with_its_contract(name):
    text = load_sql(name)
    header = [line for line in text.splitlines() if line.startswith("--")]
    assert header[0].startswith(f"-- {name}: ")
    for word in ("reads", "params", "returns"):
        assert any(line.startswith(f"-- {word} ") for line in header), word
    assert len(duckdb.extract_statements(text)) == 1
    assert ";" not in "\n".join(line for line in text.splitlines() if not line.startswith("--"))


def test_statements_are_read_by_name_only():
    assert {path.suffix for path in SQL_DIR.iterdir()} == {".sql"}
    for name in ("nope", "../sql/metrics"):
        with pytest.raises(NotFoundError, match="no SQL statement"):
            load_sql(name)


def header_of(name):
    """The four parts of a statement's header, by their names, in order."""
    parts, part = {}, ""
    for line in load_sql(name).splitlines()[1:]:
        if not line.startswith("--"):
            break
        part = line[3:12].strip() or part
        parts[part] = f"{parts.get(part, '')} {line[12:].strip()}".strip()
    return parts


def body_of(name):
    return "\n".join(line for line in load_sql(name).splitlines() if not line.startswith("--"))


@pytest.mark.parametrize("name", statement_names())
def test_a_header_has_its_four_parts_in_order(name):
    header = header_of(name)
    assert list(header) == ["reads", "params", "returns", "source"]
    assert all(header.values())


@pytest.mark.parametrize("name", statement_names())
def test_a_header_names_the_tables_that_are_read(name):
    body = re.sub(r"--.*", "", body_of(name))
    subqueries = set(re.findall(r"\b(\w+) as \(", body))
    tables = set(re.findall(r"\b(?:from|join)\s+(\w+)", body)) - subqueries
    listed = re.sub(r"\([^)]*\)", "", header_of(name)["reads"])
    assert tables == (set() if name in MACROS else set(re.findall(r"\w+", listed)))


@pytest.mark.parametrize("name", statement_names())
def test_a_header_names_the_parameters_that_are_bound(name):
    (statement,) = duckdb.extract_statements(load_sql(name))
    assert set(re.findall(r"\$(\w+)", header_of(name)["params"])) == set(statement.named_parameters)


@pytest.mark.parametrize("name", ["plain", 'a"b', "select", "a b; drop table x --", "é"])
def test_a_quoted_name_is_that_name(name):
    with duckdb.connect() as con:
        con.execute(f"create table t as select 7 as {quote_name(name)}")
        assert con.sql("from t").columns == [name]


LAYERS = ("store", "runtime", "ingest", "train", "query", "commands", "demo")


def built_statements(path):
    """The first literal of each statement that a file puts together from strings and runs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name.endswith(("execute", "executemany", "sql")):
            for argument in node.args:
                if isinstance(argument, ast.JoinedStr | ast.BinOp):
                    parts = (part.value for part in ast.walk(argument) if isinstance(part, ast.Constant))
                    yield next((text for text in parts if isinstance(text, str)), "")


def test_only_statements_that_take_no_parameters_are_built_from_strings():
    root = Path(attribase.__file__).parent
    for layer in LAYERS:
        for path in (root / layer).rglob("*.py"):
            for text in built_statements(path):
                assert text.startswith(("set ", "create schema ")), (path, text)


def test_a_schema_named_by_a_word_of_sql_is_quoted():
    assert [schema_name(name) for name in ("before", "select", "v1")] == ["before", '"select"', "v1"]
