import numpy as np
import pyarrow as pa
import pytest
from attribase.store import content_id, mapped_column
from attribase.store.errors import ConflictError, InvalidInputError
from attribase.store.maintenance import compact

DIM = 4
MAPPED = mapped_column("tuned")


def rows(start, stop, kind="image"):
    rng = np.random.default_rng(start)
    return [
        {"item_id": f"i{n}", "item_kind": kind, "base": rng.standard_normal(DIM).astype(np.float32)}
        for n in range(start, stop)
    ]


def bases(batch):
    return batch["base"].flatten().to_numpy().reshape(-1, DIM)


def linear(weight):
    """A mapper that treats images and samples differently, as the real ones do."""

    def compute(batch: pa.RecordBatch) -> np.ndarray:
        assert batch.schema.names == ["item_id", "item_kind", "base"]
        sign = np.where(np.array(batch["item_kind"].to_pylist()) == "image", 1, -1)
        return bases(batch) @ weight * sign[:, None]

    return compute


def expected(store, table, weight):
    return {
        row["item_id"]: np.array(row["base"], np.float32)
        @ weight
        * (1 if row["item_kind"] == "image" else -1)
        for row in store.read(table).to_pylist()
    }


def check_column(store, table, weight):
    wanted = expected(store, table, weight)
    for row in store.read(table).to_pylist():
        np.testing.assert_allclose(row[MAPPED], wanted[row["item_id"]], rtol=1e-5, atol=1e-5)


@pytest.fixture
def weight(rng):
    return rng.standard_normal((DIM, DIM)).astype(np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def table(store):
    name = store.ensure_vectors("Test-1", DIM)
    store.upsert(name, rows(0, 5))
    store.upsert(name, rows(5, 9, "sample"))
    return name


def test_ensuring_again_keeps_rows_and_another_width_is_refused(store, table):
    assert store.ensure_vectors("Test-1", DIM) == table == "vectors_test_1"
    assert store.count(table) == 9
    with pytest.raises(InvalidInputError, match="length 4"):
        store.ensure_vectors("Test-1", DIM + 1)
    views = store.ensure_views("Test-1", DIM)
    assert store.upsert(views, [{"item_id": "a", "view": n, "base": [1.0] * DIM} for n in range(3)]) == 3


def test_two_encoders_whose_names_read_alike_do_not_share_a_table(store):
    store.ensure_vectors("Test-1", DIM)
    with pytest.raises(ConflictError, match="Test-1"):
        store.ensure_vectors("test_1", DIM)
    store.ensure_views("Test-1", DIM, "strong")
    with pytest.raises(ConflictError, match="Test-1"):
        store.ensure_views("strong-test-1", DIM)


def test_a_mapped_column_is_what_numpy_says(store, table, weight):
    assert store.set_vector_column(table, MAPPED, linear(weight)) == 9
    check_column(store, table, weight)


def test_refreshing_writes_only_what_changed(store, table, weight):
    store.set_vector_column(table, MAPPED, linear(weight))
    before = store.versions()
    assert store.set_vector_column(table, MAPPED, linear(weight)) == 0
    assert store.versions() == before
    store.upsert(table, rows(20, 23))
    assert store.count(table, f"{MAPPED} IS NULL") == 3
    assert store.set_vector_column(table, MAPPED, linear(weight)) == 3
    check_column(store, table, weight)
    assert store.set_vector_column(table, MAPPED, linear(2 * weight)) == 12
    check_column(store, table, 2 * weight)


def test_the_column_changes_in_one_commit(store, table, weight):
    store.set_vector_column(table, MAPPED, linear(weight))
    before = store.versions()[table]
    store.set_vector_column(table, MAPPED, linear(-weight))
    assert store.versions()[table] == before + 1


def test_columns_of_several_mappers_and_rows_survive_compaction(store, table, weight):
    store.set_vector_column(table, MAPPED, linear(weight))
    store.set_vector_column(table, mapped_column("other"), linear(-weight))
    store.upsert(table, rows(30, 31))
    list(compact(store))
    store.set_vector_column(table, MAPPED, linear(weight))
    assert len(store.dataset(table).get_fragments()) == 1
    assert store.count(table) == 10
    check_column(store, table, weight)
    assert store.count(table, "mapped_other IS NULL") == 1


def test_replacing_a_vector_forgets_what_was_mapped_from_it(store, table, weight):
    store.set_vector_column(table, MAPPED, linear(weight))
    store.upsert(table, [{"item_id": "i3", "item_kind": "image", "base": [1, 2, 3, 4]}], update=True)
    assert store.read(table, ["item_id"], f"{MAPPED} IS NULL").to_pydict() == {"item_id": ["i3"]}


@pytest.mark.parametrize("other", ["append", "replace", "compact", "column"])
def test_other_writers_in_the_middle_lose_nothing(store, table, weight, other):
    """`compute` itself writes to the table the first time: the commit that follows comes second."""
    calls = []

    def act():
        if other == "append":
            store.upsert(table, rows(40, 43))
        elif other == "replace":
            store.upsert(table, [{"item_id": "i2", "item_kind": "sample", "base": [9, 9, 9, 9]}], update=True)
        elif other == "compact":
            list(compact(store))
        else:
            store.set_vector_column(table, mapped_column("other"), linear(-weight))

    def compute(batch):
        if not calls:
            calls.append(1)
            act()
        return linear(weight)(batch)

    store.set_vector_column(table, MAPPED, compute)
    store.set_vector_column(table, MAPPED, compute)  # fills what was appended meanwhile
    assert store.count(table) == (12 if other == "append" else 9)
    assert store.count(table, f"{MAPPED} IS NULL") == 0
    check_column(store, table, weight)
    if other == "column":
        assert store.count(table, "mapped_other IS NULL") == 0


@pytest.mark.parametrize("bad", [np.zeros((9, DIM + 1)), np.zeros(9), np.full((9, DIM), np.nan)])
def test_what_is_no_vector_each_row_is_refused_and_old_values_stay(store, table, weight, bad):
    store.set_vector_column(table, MAPPED, linear(weight))
    with pytest.raises(InvalidInputError) as caught:
        store.set_vector_column(table, MAPPED, lambda batch: bad[: batch.num_rows])
    assert caught.value.hint
    check_column(store, table, weight)


@pytest.mark.parametrize("column", ["base", "item_id", "mapping"])
def test_only_mapped_columns_of_vector_tables_are_set(store, table, weight, column):
    with pytest.raises(InvalidInputError):
        store.set_vector_column(table, column, linear(weight))
    with pytest.raises(InvalidInputError):
        store.set_vector_column("images", MAPPED, linear(weight))


def test_two_mappers_whose_names_read_alike_do_not_share_a_column(store, table, weight):
    store.upsert(
        "mappers",
        [
            {"mapper_id": content_id(name.encode()), "encoder": "Test-1", "mapper": name}
            for name in ("a-b", "a_b")
        ],
    )
    with pytest.raises(ConflictError, match="'a-b'"):
        store.set_vector_column(table, mapped_column("a-b"), linear(weight))


def test_an_empty_table_gets_its_column(store, weight):
    table = store.ensure_vectors("empty", DIM)
    assert store.set_vector_column(table, MAPPED, linear(weight)) == 0
    assert MAPPED in store.schema(table).names


def padded(width: int):
    """A mapper to vectors of another length: the first ones of `base`, or zeros after them."""

    def compute(batch: pa.RecordBatch) -> np.ndarray:
        rows = np.zeros((batch.num_rows, width), np.float32)
        rows[:, : min(width, DIM)] = bases(batch)[:, :width]
        return rows

    return compute


@pytest.mark.parametrize("width", [DIM - 1, DIM + 2])
def test_a_mapped_column_can_have_another_width(store, table, weight, width):
    store.set_vector_column(table, mapped_column("other"), linear(weight))
    assert store.set_vector_column(table, MAPPED, padded(width), dim=width) == 9
    assert store.schema(table).field(MAPPED).type.list_size == width
    before = store.versions()
    assert store.set_vector_column(table, MAPPED, padded(width), dim=width) == 0
    assert store.versions() == before
    store.upsert(table, rows(20, 23))
    assert store.set_vector_column(table, MAPPED, padded(width), dim=width) == 3
    for row in store.read(table).to_pylist():
        wanted = (list(row["base"]) + [0.0] * width)[:width]
        assert row[MAPPED] == pytest.approx(wanted if width < DIM else row["base"] + [0.0] * (width - DIM))
    with pytest.raises(InvalidInputError):
        store.set_vector_column(table, MAPPED, padded(width - 1), dim=width)


def test_a_column_of_another_width_is_replaced(store, table, weight):
    store.set_vector_column(table, mapped_column("other"), linear(-weight))
    store.set_vector_column(table, MAPPED, padded(2), dim=2)
    assert store.set_vector_column(table, MAPPED, linear(weight)) == 9
    check_column(store, table, weight)
    assert store.count(table, "mapped_other IS NULL") == 0
