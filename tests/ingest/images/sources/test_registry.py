"""The registry of sources: which names open which, and the error for names that open none."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import open_source
from attribase.store import InvalidInputError, NotFoundError


@pytest.mark.parametrize("name", ["nowhere", "world:moon", "nothing.parquet"])
def test_an_unknown_source_says_what_there_is(name):
    with pytest.raises(NotFoundError) as error:
        open_source(name)
    assert error.value.hint


def test_sources_without_images_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.parquet").write_bytes(b"nonsense")
    pq.write_table(pa.table({"number": [1]}), tmp_path / "b.parquet")
    with pytest.raises(InvalidInputError):
        open_source(str(tmp_path / "empty")).items()
    for name in ("a.parquet", "b.parquet", "missing.lance"):
        with pytest.raises(InvalidInputError):
            open_source(str(tmp_path / name))
