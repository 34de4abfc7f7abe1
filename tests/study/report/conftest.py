"""The report of the study that ran once, and SQL on its store; another one with sets and outside pictures."""

import shutil

import numpy as np
import pytest
from attribase.query import connect
from attribase.store import Store
from attribase.study.folder import StudyFolder
from attribase.study.plan import StudyPlan
from attribase.study.report import write_study_report
from attribase.study.run import run_study


@pytest.fixture(scope="session")
def report(studied_once, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "report"
    list(write_study_report(studied_once.folder, studied_once.store, out))
    return out


@pytest.fixture(scope="session")
def con(studied_once):
    with connect(studied_once.store.uri) as con:
        yield con


def add_sets(store: Store) -> None:
    """Models of two or three images of the gallery each; encoders differ in how near samples are to these."""
    rng = np.random.default_rng(2)
    vectors = store.read("vectors_quiet", ["item_id", "base"]).to_pylist()
    points = {row["item_id"]: np.array(row["base"]) for row in vectors}
    images = store.read("members")["image_id"].to_pylist()
    models, samples, rows = [], [], {"quiet": [], "loud": []}
    for number in range(10):
        size = 2 + number % 2
        name, own = f"set-{number}", images[3 * number : 3 * number + size]
        models.append(
            {"model_id": name, "method": "custom-diffusion", "case_name": f"sets_{size}", "split": "test"}
            | {"concept_kind": "set", "exemplar_ids": own}
        )
        for at in range(2):
            sample = f"{name}-{at}"
            samples.append({"sample_id": sample, "model_id": name, "scheme": "captions"})
            for encoder, noise in (("quiet", 0.5), ("loud", 1.2)):
                centre = np.mean([points[one] for one in own], axis=0)
                vector = (centre + noise * rng.normal(size=12)).tolist()
                rows[encoder].append({"item_id": sample, "item_kind": "sample", "base": vector})
    store.upsert("models", models)
    store.upsert("samples", samples)
    for encoder, new in rows.items():
        store.upsert(f"vectors_{encoder}", new)


OUTSIDE = [f"outside-{at}" for at in range(7)]
"""One more than Figure 9 shows."""


def add_outside(store: Store) -> None:
    """Pictures that no model drew, each near an image of the gallery, and an altered one of a check."""
    vectors = {
        row["item_id"]: row["base"] for row in store.read("vectors_quiet", ["item_id", "base"]).to_pylist()
    }
    images = sorted(store.read("members")["image_id"].to_pylist())
    rows = [{"sample_id": one, "uri": f"folder/{one}.png"} for one in OUTSIDE]
    rows += [{"sample_id": "altered", "scheme": "check:copies"}]
    store.upsert("samples", rows)
    for encoder in ("quiet", "loud"):
        new = [
            {"item_id": row["sample_id"], "item_kind": "sample", "base": vectors[images[at]]}
            for at, row in enumerate(rows)
        ]
        store.upsert(f"vectors_{encoder}", new)


@pytest.fixture(scope="session")
def with_more(studied_once, tmp_path_factory):
    """The report of a study of two variants, with sets and pictures from elsewhere."""
    root = tmp_path_factory.mktemp("more")
    shutil.copytree(studied_once.folder.store, root / "store")
    store = Store.open(root / "store")
    add_sets(store)
    add_outside(store)
    folder = StudyFolder(root / "dir")
    plan = StudyPlan(variants=("none", "object+style"), checks=())
    list(run_study(folder, store, plan))
    list(write_study_report(folder, store))
    return store, folder
