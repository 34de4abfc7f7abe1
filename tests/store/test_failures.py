from attribase.store import Failure


def rows(store):
    table = store.read("failures", ["stage", "source", "item", "reason", "detail", "remedy"])
    return sorted(tuple(row.values()) for row in table.to_pylist())


def test_the_newest_reason_of_an_item_counts_by_stage_and_source(store):
    store.record_failures(
        "ingest", [Failure("a", "empty", "0 bytes"), Failure("b", "truncated")], source="/f"
    )
    store.record_failures("ingest", [Failure("a", "empty", "0 bytes", "copy it again")], source="/g")
    store.record_failures("embed", [Failure("a", "nan")])
    again = [Failure("a", "not-an-image", "text"), Failure("a", "too-many-pixels", "9e9")]
    store.record_failures("ingest", again, source="/f")
    assert rows(store) == [
        ("embed", "", "a", "nan", "", ""),
        ("ingest", "/f", "a", "too-many-pixels", "9e9", ""),
        ("ingest", "/f", "b", "truncated", "", ""),
        ("ingest", "/g", "a", "empty", "0 bytes", "copy it again"),
    ]


def test_failing_again_in_the_same_way_writes_nothing(store):
    failures = [Failure("it's", "empty", "0 bytes"), Failure("b", "truncated")]
    store.record_failures("it's", failures, source="it's")
    before = store.versions()
    store.record_failures("it's", failures, source="it's")
    store.record_failures("it's", [])
    assert store.versions() == before


def test_what_worked_in_the_end_is_forgotten_for_its_source_alone(store):
    store.record_failures("embed", [Failure("a", "nan"), Failure("b", "nan")], source="/f")
    store.record_failures("embed", [Failure("a", "nan")], source="/g")
    store.record_failures("other", [Failure("a", "nan")], source="/f")
    store.forget_failures("embed", ["a", "never-failed"], source="/f")
    assert [row[:3] for row in rows(store)] == [
        ("embed", "/f", "b"),
        ("embed", "/g", "a"),
        ("other", "/f", "a"),
    ]
    version = store.versions()["failures"]
    store.forget_failures("embed", ["a"], source="/f")
    assert store.versions()["failures"] == version


def test_a_row_without_a_source_is_of_any_source(store):
    """Earlier versions recorded no source."""
    store.record_failures("images", [Failure("a.png", "empty"), Failure("b.png", "empty")])
    store.forget_failures("images", ["a.png"], source="/f")
    assert store.failed_items("images") == {"b.png"}


def test_thousands_are_forgotten(store):
    names = [f"{number:05}" for number in range(2500)]
    store.record_failures("images", [Failure(name, "empty") for name in names], source="/f")
    store.forget_failures("images", names[1:], source="/f")
    assert store.failed_items("images", "/f") == {"00000"}
