"""Any text as SQL of a client: rows, or an error that says why; never another exception, and never a file."""

import pyarrow as pa
import pytest
from attribase.query.sql.sandbox import SqlPool
from attribase.store import AttribaseError, Store
from hypothesis import given
from hypothesis import strategies as st

from .conftest import cases

pytestmark = pytest.mark.slow
SECRET = "nobody may read this"
REFUSED = {400, 403, 404, 408, 413, 422, 503}
VALID = (
    "select image_id, uri from images where uri like '%1%' order by 1 limit 3",
    "with a as ( from images ) select count ( * ) , max ( uri ) from a group by all",
    "select i.uri , m.collection from images i left join members m using ( image_id ) where i.width is null",
    "select [ 1 , 2 ] , { 'a' : 1 } , cast ( '1' as int ) , x -> 'a' from ( values ( '{}' ) ) t ( x )",
    "select case when 1 > 0 then 'a' end , row_number ( ) over ( partition by uri order by uri ) from images",
    "from range ( 5 ) select list_transform ( [ range ] , lambda x : x + 1 )",
    "select * from images union all select * from images",
    "describe images",
    "show tables",
    "select unnest ( [ 1 , null ] ) , interval 1 day , date '2020-01-01'",
    "pivot images on uri using count ( * )",
)
MORE = """insert into copy to attach install load set pragma call export create read_csv read_text glob getenv
'SECRET' repeat 1e308 / % ** ::blob ::json $x ? ; -- /* " ' \\ \0 é ( ) recursive lateral sample qualify"""
WORDS = sorted({word for text in (*VALID, MORE) for word in text.split()})


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")
    (folder / "secret.txt").write_text(SECRET)
    store = Store.create(folder / "store")
    store.upsert("images", [{"image_id": f"i{n}", "uri": f"{n}.png"} for n in range(12)])
    with SqlPool(store.uri, workers=1, memory="300MB", seconds=5, max_rows=100, wait=60) as pool:
        pool.secret = str(folder / "secret.txt")
        yield pool


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Words in any order; or a valid statement with some words replaced, moved, doubled or left out."""
    if draw(st.integers(0, 3)) == 0:
        return " ".join(draw(st.lists(st.sampled_from(WORDS), max_size=15)))
    words = draw(st.sampled_from(VALID)).split()
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(words)))
        piece = draw(
            st.one_of(st.just([]), st.lists(st.sampled_from(WORDS), max_size=3), st.just(words[at : at + 4]))
        )
        words[at : at + draw(st.integers(0, 2))] = piece
    return " ".join(words)


@cases(short=250, long=5_000)
@given(text=st.one_of(statements(), statements(), st.text(max_size=40)))
def test_any_statement_is_rows_or_an_error_that_says_why(pool, text):
    try:
        table = pool.run(text.replace("SECRET", pool.secret)).table()
    except AttribaseError as error:
        refused = error
    else:
        assert isinstance(table, pa.Table)
        assert table.num_rows <= 100
        assert SECRET not in str(table.to_pydict())
        return
    assert refused.status in REFUSED, repr(refused)
    assert str(refused)
    assert SECRET not in str(refused)


def test_the_pool_still_answers(pool):
    assert pool.run("select count(*) as n from images").table().to_pylist() == [{"n": 12}]
