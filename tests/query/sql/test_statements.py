"""The SQL files: one statement each, with a header that tells the truth."""

import duckdb
import pytest
from attribase.query.sql.statements import SQL_DIR, load_sql, statement_names
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
