"""The functions that untrusted statements may call, against DuckDB's catalogue."""

import re
from pathlib import Path

import duckdb
import pytest
from attribase.query.sql.sandbox.functions import FUNCTION_GROUPS, FUNCTIONS, TABLE_FUNCTIONS
from attribase.query.sql.sandbox.statement import validate_statement
from attribase.store.errors import InvalidInputError

ROOT = Path(__file__).parents[4]
NOT_IN_CATALOGUE = {
    # the parser's own: it makes other functions of these, or the binder resolves them
    *("coalesce", "ifnull", "unnest", "struct_extract_at", "position"),
    *("like_escape", "not_like_escape", "ilike_escape", "not_ilike_escape"),
    # macros of the store
    *("attribute", "influence_by", "similar", "similar_text", "usage_by_owner"),
}
MACHINE = re.compile(
    "getenv|setting|variable|inet|pg_|has_.*privilege|read_|scan|sniff|parquet|duckdb_|pragma_|sleep|seed|"
    "nextval|currval|setval|write_log|__internal|_rows$|bootstrap|deserialize|serialize_plan|connection_id|"
    "transaction_id|txid|query|invoke|get_block_size|current_schema|current_database|current_catalog"
)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as con:
        yield con


def test_every_function_is_in_the_catalogue_of_duckdb(con):
    rows = con.execute("select distinct function_name, function_type from duckdb_functions()").fetchall()
    windows = set(FUNCTION_GROUPS["windows"].split())
    operators = set(FUNCTION_GROUPS["operators"].split())
    known = {name for name, _ in rows} | NOT_IN_CATALOGUE | windows | operators
    assert FUNCTIONS - known == set()
    assert TABLE_FUNCTIONS - {name for name, kind in rows if "table" in kind} - NOT_IN_CATALOGUE == set()


def test_every_window_function_is_one(con):
    for name in FUNCTION_GROUPS["windows"].split():
        arguments = {"nth_value": "i, 1", "ntile": "2"}.get(name, "i")
        call = name in ("cume_dist", "dense_rank", "percent_rank", "rank", "rank_dense", "row_number")
        con.execute(
            f"select {name}({'' if call else arguments}) over (order by i) from range(3) t(i)"
        ).fetchall()


def test_no_function_tells_of_the_machine_or_keeps_state():
    assert [name for name in FUNCTIONS | TABLE_FUNCTIONS if MACHINE.search(name)] == []


@pytest.mark.parametrize("group", FUNCTION_GROUPS)
def test_the_page_lists_every_function_of_a_group(group):
    page = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
    listed = next(line for line in page.splitlines() if line.startswith(f"| {group} |"))
    assert re.findall(r"`([^`]+)`", listed.replace("\\|", "|")) == FUNCTION_GROUPS[group].split()


@pytest.mark.parametrize(
    "statement",
    [
        "select list_cosine_similarity(a, b), a <-> b, a[1:2], [x for x in a if x > 1] from t",
        "select sum(a) over (order by b rows between 1 preceding and current row), count(*) from t",
        "select a ->> 'x', a::date + interval 1 day, a at time zone 'UTC', extract(year from a) from t",
        "select quantile_cont(a, 0.5), mode() within group (order by a), string_agg(a, ',') from t",
        "select a similar to 'x', a glob 'x', a ilike 'x' escape '!', a not like 'b' escape '!' from t",
        "select {'a': 1}.a, map {'a': 1}, array[1], row(1, 2), t.a.lower(), try(a), -a, @a, a // b from t",
        "from t select columns(*), a in (1, 2), coalesce(a, b), ifnull(a, b), nullif(a, b), if(a, b, c)",
        "show tables",
        "show all tables",
        "describe t",
        "describe select 1",
        "summarize t",
        "from (describe t)",
    ],
)
def test_statements_of_analysis_are_allowed(con, statement):
    validate_statement(con, statement, max_length=1000)


@pytest.mark.parametrize(
    "statement",
    [
        "show threads",
        "show memory_limit",
        "show secret_directory",
        "from (show home_directory)",
        "show databases",
        "show variables",
        "show schemas",
        "show t",
        "select * from (show temp_directory)",
        'show "threads"',
    ],
)
def test_settings_are_not_shown(con, statement):
    with pytest.raises(InvalidInputError, match="cannot be answered here") as raised:
        validate_statement(con, statement, max_length=1000)
    assert "show tables" in raised.value.hint


def test_an_unknown_function_is_named_with_close_ones(con):
    with pytest.raises(InvalidInputError, match="the function medain cannot be called here") as raised:
        validate_statement(con, "select medain(a) from t", max_length=1000)
    assert "median" in raised.value.hint
    assert "docs/sql.md" in raised.value.hint


def test_every_other_function_of_duckdb_is_refused(con):
    names = con.execute("select distinct function_name from duckdb_functions()").fetchall()
    for (name,) in names:
        if name not in FUNCTIONS | TABLE_FUNCTIONS and re.fullmatch(r"\w+", name):
            with pytest.raises(InvalidInputError):
                validate_statement(con, f'select "{name}"(a) from t', max_length=1000)
