"""Rights of images that change, and their log: after kills, beside other writers, set and set again."""

import lance
import pytest
from attribase.store import InvalidInputError, Store
from attribase.store import rights as module
from attribase.store.rights import Change, RightsLog, Said, read_log, set_rights
from attribase.store.row_updates import RowUpdate

ANN, BOB = Said("hand", "Ann"), Said("hand", "Bob", "by letter")


@pytest.fixture
def two(store):
    store.upsert("images", [{"image_id": "a", "creator": "Ada"}, {"image_id": "b"}])
    return store


def logged(store):
    columns = ("image_id", "field", "number", "old", "new", "origin")
    return sorted((tuple(row[name] for name in columns) for row in read_log(store)), key=str)


def rights_of(store, image_id):
    (row,) = store.read("images", list(module.FIELDS), f"image_id = '{image_id}'").to_pylist()
    return {name: value for name, value in row.items() if value is not None}


def test_each_field_that_changes_is_a_row_and_those_that_do_not_are_none(two):
    done = set_rights(two, ["a", "b"], {"creator": "Ada", "reservation": "opt-out"}, BOB)
    assert (done.asked, done.changed, done.fields) == (2, 2, {"creator": 1, "reservation": 2})
    assert rights_of(two, "b") == {"creator": "Ada", "reservation": "opt-out"}
    assert logged(two) == [
        ("a", "reservation", 1, None, "opt-out", "Bob"),
        ("b", "creator", 1, None, "Ada", "Bob"),
        ("b", "reservation", 1, None, "opt-out", "Bob"),
    ]
    assert {(row["provenance"], row["note"]) for row in read_log(two)} == {("hand", "by letter")}
    version = two.dataset("images").version
    assert set_rights(two, ["a", "b"], {"reservation": "opt-out"}, BOB).changed == 0
    assert (two.count("rights_log"), two.dataset("images").version) == (3, version)


def test_a_field_that_changes_there_and_back_has_every_change_in_order(two):
    for value in ("tdm", None, "tdm", "none", "tdm"):
        set_rights(two, ["a"], {"reservation": value}, ANN)
    changes = [row[2:5] for row in logged(two)]
    assert changes == [
        (1, None, "tdm"),
        (2, "tdm", None),
        (3, None, "tdm"),
        (4, "tdm", "none"),
        (5, "none", "tdm"),
    ]


def test_a_change_that_was_killed_before_its_commit_is_logged_once_when_it_is_made(two, monkeypatch):
    commit = lance.LanceDataset.commit

    def die(dataset, *arguments, **options):
        if "images.lance" in dataset.uri:
            raise KeyboardInterrupt
        return commit(dataset, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(lance.LanceDataset, "commit", staticmethod(die))
        with pytest.raises(KeyboardInterrupt):
            set_rights(two, ["a"], {"source": "museum"}, ANN)
    assert rights_of(two, "a") == {"creator": "Ada"}
    assert len(logged(two)) == 1
    set_rights(two, ["a"], {"source": "museum"}, ANN)
    assert rights_of(two, "a")["source"] == "museum"
    assert logged(two) == [("a", "source", 1, None, "museum", "Ann")]


def test_of_two_writers_the_one_that_comes_second_logs_what_it_found(two, monkeypatch):
    first_commit = RowUpdate._commit
    calls = []

    def commit_after_another(self):
        calls.append(1)
        if len(calls) == 1:
            compute = self.compute

            def slow(stored):
                changed = compute(stored)  # its entry is written here
                calls.append("other")
                set_rights(Store.open(two.uri), ["a"], {"creator": "Bea"}, BOB)
                return changed

            return first_commit(RowUpdate(self.tables, self.table, self.ids, self.columns, slow, self.also))
        return first_commit(self)

    monkeypatch.setattr(RowUpdate, "_commit", commit_after_another)
    set_rights(two, ["a"], {"creator": "Cleo"}, ANN)
    assert "other" in calls
    assert rights_of(two, "a") == {"creator": "Cleo"}
    chain = sorted((row["at"], row["old"], row["new"], row["origin"]) for row in read_log(two))
    assert [row[1:] for row in chain] == [("Ada", "Bea", "Bob"), ("Bea", "Cleo", "Ann")]


def test_a_dry_run_counts_and_writes_nothing(two):
    versions = two.versions()
    assert set_rights(two, ["a", "b", "gone"], {"source": "x"}, ANN, dry_run=True).changed == 2
    assert two.versions() == versions


@pytest.mark.parametrize(
    ("values", "said"), [({"caption": "x"}, "no field"), ({"reservation": "maybe"}, "cannot be 'maybe'")]
)
def test_what_rights_do_not_have_is_an_error(two, values, said):
    with pytest.raises(InvalidInputError, match=said):
        set_rights(two, ["a"], values, ANN)


def test_first_entries_look_at_keys_alone(store, monkeypatch):
    monkeypatch.setattr(module, "rows_with", None)  # nothing is searched
    log = RightsLog(store)
    log.write([Change(f"i{n}", "creator", None, "Ann", ANN) for n in range(50)])
    assert store.count("rights_log") == 50
    monkeypatch.undo()
    RightsLog(store).write(
        [Change("i1", "creator", None, "Ann", ANN), Change("i2", "creator", None, "B", BOB)]
    )
    assert store.count("rights_log") == 51
