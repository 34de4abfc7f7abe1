"""States of stores compared: ranks are written as they are wanted, and differences worked out from them."""

from datetime import UTC, datetime

import pytest
from attribase.cli import cli
from attribase.query import Features
from attribase.store import NotFoundError, Store, key_id
from attribase.store.ids import run_number
from attribase.store.tags import create_tag
from attribase.study.comparison import State, compare_states
from attribase.study.folder import StudyFolder, StudyRecord
from click.testing import CliRunner

POOL = 100


def write_ranks(store, ranks, mapper="none", kind="object", hour=0):
    """One sample a model, whose one exemplar has the rank: evaluated at that hour by `enc` and the mapper."""
    case, run = f"{kind}_seen", key_id("enc", mapper, kind, hour)
    names = [f"{kind} {number}" for number in range(len(ranks))]
    store.upsert(
        "models",
        [
            {"model_id": f"model {name}", "exemplar_ids": [name], "case_name": case, "split": "test"}
            | {"concept_kind": kind, "method": "lora"}
            for name in names
        ],
    )
    store.upsert("samples", [{"sample_id": f"sample {name}", "model_id": f"model {name}"} for name in names])
    about = {"run_id": run, "run_number": run_number(run), "encoder": "enc", "mapper": mapper}
    started = datetime(2026, 1, 1, hour, tzinfo=UTC).replace(tzinfo=None)
    store.upsert("runs", [about | {"case_name": case, "split": "test", "scheme": "gpt", "started": started}])
    rows = [
        {"run_id": run, "run_number": run_number(run), "sample_id": f"sample {name}", "image_id": name}
        | {"rank": rank, "place": 1, "exemplars": 1, "pool_size": POOL}
        for name, rank in zip(names, ranks, strict=True)
    ]
    store.upsert("ranks", rows)


@pytest.fixture
def store(tmp_path):
    """Mapped objects become worse after the tag `before`, raw styles better; raw objects stay as they are."""
    store = Store.create(tmp_path / "a.store")
    write_ranks(store, [1, 50, 1, 50, 1, 50, 1, 50])
    write_ranks(store, [50] * 8, kind="style")
    write_ranks(store, [1] * 8, mapper="best")
    create_tag(store, "before")
    write_ranks(store, [1] * 8, kind="style", hour=1)
    write_ranks(store, [50] * 8, mapper="best", hour=1)
    return store


def run(*words):
    return CliRunner().invoke(cli, ["study", "compare", *map(str, words)])


def test_what_got_better_and_worse_since_a_tag(store):
    found = compare_states(State.find(f"{store.uri}@before"), State.find(str(store.uri)))
    rows = {(change.group, change.features.mapper): change for change in found.changes}
    assert {key: (row.verdict, row.test.difference) for key, row in rows.items()} == {
        ("object", "none"): ("no difference shown", 0),
        ("style", "none"): ("better", 1),
        ("all", "none"): ("better", 0.5),
        ("object", "best"): ("worse", -1),
    }
    assert rows["object", "best"].test.p == 2 / 2**8  # all eight models have the same sign
    assert rows["all", "none"].test.p == 2 / 2**8  # eight of sixteen differ by nothing, whatever their sign
    assert rows["object", "best"].test.adjusted == 4 * 2 / 2**8
    assert (found.only_first, found.only_second, found.unpaired) == ((), (), 0)


def test_what_is_in_one_state_alone_is_named_and_counted(store, tmp_path):
    other = Store.create(tmp_path / "b.store")
    write_ranks(other, [1] * 5)
    write_ranks(other, [1] * 5, mapper="new")
    found = compare_states(State.find(str(store.uri)), State.find(str(other.uri)))
    assert [(change.group, change.test.models) for change in found.changes] == [("object", 5)]
    assert (found.only_first, found.only_second) == ((Features("enc", "best"),), (Features("enc", "new"),))
    assert found.unpaired == 3 + 8  # objects and styles of the first, raw features


def test_the_folder_of_a_study_is_its_features_at_the_versions_that_it_pinned(store, tmp_path):
    folder = StudyFolder(tmp_path / "study")
    features = (Features("enc", "best"),)
    folder.write_record(StudyRecord(store.uri, "", tag="before", features=features, finished="then"))
    found = compare_states(State.find(str(folder.path)), State.find(str(store.uri)))
    assert [(change.group, change.verdict) for change in found.changes] == [("object", "worse")]
    assert found.only_second == (Features("enc"),)
    folder.write_record(StudyRecord(store.uri, "", tag="before", features=features))
    with pytest.raises(NotFoundError, match="no study ran to the end"):
        State.find(str(folder.path))


def test_the_command_ends_with_1_where_something_got_worse(store):
    ended = run(f"{store.uri}@before", store.uri, "--wide")
    assert ended.exit_code == 1
    assert "worse: 1, better: 2, no difference shown: 1" in ended.output
    again = run(store.uri, store.uri)
    assert again.exit_code == 0
    assert "worse: 0, better: 0, no difference shown: 4" in again.output
    assert run(store.uri, store.uri, "--metric", "ap", "--case", "object_seen").exit_code == 0


def test_states_without_models_in_common_and_states_that_are_not_there_are_errors(store, tmp_path):
    other = Store.create(tmp_path / "b.store")
    write_ranks(other, [1] * 5, kind="other")
    with pytest.raises(NotFoundError, match="no models of the split 'test' in common"):
        compare_states(State.find(str(store.uri)), State.find(str(other.uri)))
    for cases in (["object_sen"], ["object_seen", "object_sen"]):
        with pytest.raises(NotFoundError, match="no case 'object_sen' that was ranked") as error:
            compare_states(State.find(str(store.uri)), State.find(str(store.uri)), cases=cases)
        assert "object_seen" in error.value.hint
    for name in (f"{store.uri}@never", tmp_path / "nothing"):
        ended = run(name, store.uri)
        assert ended.exit_code == 1
        assert ended.output.startswith("error: ")
        assert "Traceback" not in ended.output
