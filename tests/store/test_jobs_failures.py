def rows(store):
    table = store.read("failures", ["stage", "item", "reason", "detail"])
    return sorted(tuple(row.values()) for row in table.to_pylist())


def test_the_newest_reason_of_an_item_counts_by_stage(store):
    store.record_failures("ingest", [("a", "empty", "0 bytes"), ("b", "truncated", "")])
    store.record_failures("embed", [("a", "nan", "")])
    store.record_failures("ingest", [("a", "not-an-image", "text"), ("a", "too-many-pixels", "9e9")])
    assert rows(store) == [
        ("embed", "a", "nan", ""),
        ("ingest", "a", "too-many-pixels", "9e9"),
        ("ingest", "b", "truncated", ""),
    ]


def test_failing_again_in_the_same_way_writes_nothing(store):
    failures = [("it's", "empty", "0 bytes"), ("b", "truncated", "")]
    store.record_failures("it's", failures)
    before = store.versions()
    store.record_failures("it's", failures)
    store.record_failures("it's", [])
    assert store.versions() == before


def test_what_worked_in_the_end_is_forgotten(store):
    store.record_failures("embed", [("a", "nan", ""), ("b", "nan", "")])
    store.record_failures("other", [("a", "nan", "")])
    store.forget_failures("embed", ["a", "never-failed"])
    rows = store.read("failures", ["stage", "item"]).to_pylist()
    assert sorted((row["stage"], row["item"]) for row in rows) == [("embed", "b"), ("other", "a")]
    version = store.versions()["failures"]
    store.forget_failures("embed", ["a"])
    assert store.versions()["failures"] == version
