"""Running a study: what is missing is done once, a stopped run goes on, and what ran is written down."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.query import Features, connect, evaluate
from attribase.store import ConflictError, NotFoundError, Store
from attribase.store.errors import UnknownFieldError
from attribase.store.tags import get_tag
from attribase.study import labels
from attribase.study.folder import StudyFolder
from attribase.study.labels import choose_labels
from attribase.study.plan import StudyPlan
from attribase.study.run import is_complete, open_study_store, run_study


def trained(store):
    rows = store.read("mappers", ["encoder", "mapper", "created"]).to_pylist()
    return {(row["encoder"], row["mapper"]): row["created"] for row in rows}


def ranked(store):
    rows = store.read("runs", ["encoder", "mapper", "case_name", "split", "scheme", "started"]).to_pylist()
    return {tuple(row.values())[:5]: row["started"] for row in rows}


def test_every_variant_is_trained_and_ranked_on_every_encoder(studied_once):
    names = studied_once.plan.variants[1:-1]  # but for raw features and what is skipped
    wanted = {(encoder, name) for encoder in ("quiet", "loud") for name in names}
    assert set(trained(studied_once.store)) == wanted
    record = studied_once.folder.read_record()
    assert {(one.encoder, one.mapper) for one in record.features} == wanted | {
        ("quiet", "none"),
        ("loud", "none"),
    }
    cases = {key[2] for key in ranked(studied_once.store)}
    assert cases == {"object_seen", "object_unseen", "style_seen", "style_unseen"} == set(record.cases)


def test_what_needs_views_of_features_from_elsewhere_is_skipped_with_a_reason(studied_once):
    skipped = studied_once.folder.read_record().skipped
    assert {one.what for one in skipped} == {"quiet/strong-aug", "loud/strong-aug"}
    assert "made elsewhere" in skipped[0].reason


def test_the_versions_that_were_read_are_tagged(studied_once):
    record = studied_once.folder.read_record()
    assert get_tag(studied_once.store, record.tag).versions == dict(record.versions)
    assert studied_once.store.versions() == dict(record.versions)


def test_a_second_run_has_nothing_to_do(studied):
    assert is_complete(studied.folder, studied.store, studied.plan)
    before = studied.store.versions()
    list(run_study(studied.folder, studied.store, studied.plan))
    assert studied.store.versions() == before


def test_another_plan_or_a_changed_store_is_not_complete(studied):
    assert not is_complete(studied.folder, studied.store, StudyPlan(variants=("none",)))
    studied.store.upsert("members", [{"collection": "more", "image_id": "x"}])
    assert not is_complete(studied.folder, studied.store, studied.plan)


def test_a_run_that_was_stopped_at_any_stage_goes_on(studied_once, tmp_path):
    """What an earlier run committed is not made again: mappers keep their time of creation, ranks too."""
    shutil.copytree(studied_once.folder.store, tmp_path / "store")
    store, folder = Store.open(tmp_path / "store"), StudyFolder(tmp_path / "stopped")
    store.dataset("mappers").delete("mapper in ('no-reg', 'channel')")
    store.dataset("runs").delete("true")
    store.dataset("ranks").delete("true")
    kept = trained(store)
    steps = run_study(folder, store, studied_once.plan)
    for step in steps:  # until the first mapper that is missing is trained
        if step.stage == "train-mapper" and "kept epoch" in step.note:
            break
    steps.close()
    one_more = trained(store)
    assert one_more.items() >= kept.items()
    assert len(one_more) == len(kept) + 1
    list(run_study(folder, store, studied_once.plan))
    assert trained(store).items() >= one_more.items()
    assert len(trained(store)) == len(trained(studied_once.store))
    list(evaluate(store))
    assert folder.read_record().features == studied_once.folder.read_record().features


def test_a_file_of_features_joins_as_an_encoder(studied, tmp_path):
    """Features in which samples are where their exemplars are: the best that can be."""
    models = {row["model_id"]: row["exemplar_ids"][0] for row in studied.store.read("models").to_pylist()}
    rng = np.random.default_rng(0)
    images = studied.store.read("images", ["image_id"])["image_id"].to_pylist()
    points = {one: rng.normal(size=8).astype(np.float32) for one in images}
    samples = studied.store.read("samples", ["sample_id", "model_id"]).to_pylist()
    rows = points | {row["sample_id"]: points[models[row["model_id"]]] for row in samples}
    table = pa.table({"id": list(rows), "vector": [row.tolist() for row in rows.values()]})
    pq.write_table(table, tmp_path / "new.parquet")
    plan = StudyPlan(
        encoders=("new",), variants=("none",), checks=(), vectors={"new": str(tmp_path / "new.parquet")}
    )
    list(run_study(studied.folder, studied.store, plan))
    assert studied.folder.read_record().features == (Features("new"),)
    with connect(studied.store.uri) as con:
        found = con.sql(
            """select recall_5 from metrics
            where encoder = 'new' and case_name like 'object%' and split = 'test'"""
        ).fetchall()
    assert [one for (one,) in found] == [1.0] * 4


def label_images(store):
    """Give the images of the gallery one of three categories and of two styles."""
    ids = sorted(store.read("members", ["image_id"], "collection = 'gallery'")["image_id"].to_pylist())
    data = dict(store.blobs("images", "bytes", ids))
    rows = [
        {"image_id": one, "bytes": data[one], "category": "abc"[at % 3]}
        | {"metadata": json.dumps({"style": "xy"[at % 2]})}
        for at, one in enumerate(ids)
    ]
    store.upsert("images", rows, update=True)


def test_labelled_images_are_retrieved_with_all_features(studied, monkeypatch):
    label_images(studied.store)
    plan = StudyPlan(variants=("none", "object+style"), checks=())
    list(run_study(studied.folder, studied.store, plan))
    with connect(studied.store.uri) as con:
        found = con.sql("select label, encoder, mapper, queries from label_metrics").fetchall()
    features = [(one.encoder, one.mapper) for one in studied.folder.read_record().features]
    assert sorted(found) == sorted(
        (label, *one, 80) for label in ("category", "metadata.style") for one in features
    )
    before = studied.store.versions()
    list(run_study(studied.folder, studied.store, plan))
    assert studied.store.versions() == before
    monkeypatch.setattr(labels, "MOST_IMAGES", 79)
    assert choose_labels(studied.store, plan)[0] == ()
    assert {one.what for one in choose_labels(studied.store, plan)[1]} == {
        "retrieval by style",
        "retrieval by category",
    }
    named = StudyPlan(labels=("style",))
    assert choose_labels(studied.store, named) == (("style",), ())


def test_a_run_that_did_not_end_has_no_record_to_report(studied_once, tmp_path):
    shutil.copytree(studied_once.folder.store, tmp_path / "store")
    store, folder = Store.open(tmp_path / "store"), StudyFolder(tmp_path / "stopped")
    store.dataset("runs").delete("true")
    steps = run_study(folder, store, studied_once.plan)
    next(steps)
    steps.close()
    assert folder.find_record().store == store.uri
    with pytest.raises(NotFoundError, match="no study ran to the end"):
        folder.read_record()
    assert open_study_store(folder, None).uri == store.uri


def test_a_folder_keeps_to_its_store(studied, tmp_path):
    other = Store.create(tmp_path / "other")
    with pytest.raises(ConflictError, match="holds the study of"):
        list(run_study(studied.folder, other, studied.plan))


def test_a_folder_can_be_moved_with_its_store(studied, tmp_path):
    studied.folder.path.rename(tmp_path / "moved")
    folder = StudyFolder(tmp_path / "moved")
    assert open_study_store(folder, None).uri == str(tmp_path / "moved" / "store")


def test_a_label_of_the_plan_that_no_image_has_is_an_error_before_any_work(studied):
    before = studied.store.versions()
    with pytest.raises(UnknownFieldError, match=r"no image has a value of 'metadata\.school'"):
        list(run_study(studied.folder, studied.store, StudyPlan(labels=("school",))))
    assert studied.store.versions() == before


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (StudyPlan(encoders=("none",)), "no encoder 'none'"),
        (StudyPlan(variants=("tuned",)), "no variant 'tuned'"),
        (StudyPlan(mappers=("tuned",)), "no encoder of the study has a mapper 'tuned'"),
        (StudyPlan(cases=("nowhere",)), "no case 'nowhere'"),
    ],
)
def test_a_name_that_the_store_does_not_have_is_an_error_before_any_work(studied, plan, said):
    before = studied.store.versions()
    with pytest.raises(NotFoundError, match=said):
        list(run_study(studied.folder, studied.store, plan))
    assert studied.store.versions() == before
