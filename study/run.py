"""Run a study: what is missing is embedded, trained, calibrated and ranked, then the versions are pinned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..query import evaluate
from ..query.evaluation.runs import code_version
from ..query.time_travel import state_digest
from ..store import InvalidInputError, Step, Store
from ..store.errors import ConflictError
from ..store.layout import software_version
from ..store.tags import create_tag, list_tags
from .check_results import run_checks
from .checks.check import CheckPlan
from .checks.registry import CHECKS, find_check
from .folder import Skipped, StudyFolder, StudyRecord
from .grid import Grid, plan_grid
from .labels import choose_labels, retrieve_labels
from .plan import StudyPlan


def is_complete(folder: StudyFolder, store: Store, plan: StudyPlan) -> bool:
    """Whether this plan ran to the end by this code, and no table has changed since."""
    record = folder.find_record()
    if record is None or not record.finished:
        return False
    before = (folder.store_uri(record), record.plan, dict(record.versions), record.code)
    return before == (store.uri, plan.to_toml(), store.versions(), _code())


def run_study(
    folder: StudyFolder, store: Store, plan: StudyPlan, *, workers: int | None = None
) -> Iterator[Step]:
    """Do what is missing for `plan`, stage by stage; after a stop, the next call goes on from there.

    `workers`: processes that customize and sample what checks need; None for one a core or GPU.

    Writes `study.toml` at the start, and `study.json` at the end with the versions of all tables, which a
    tag of the store keeps.

    Raises:
        NotFoundError: an encoder, mapper, case or file that is not there.
        InvalidInputError: an unknown variant or check.
        UnknownFieldError: a label that no image has.
        ConflictError: the folder holds the study of another store.
    """
    check_store(folder, store)
    checks = [find_check(name) for name in (CHECKS if plan.checks is None else plan.checks)]
    started = _now()
    folder.write_plan(plan)
    if folder.find_record() is None:  # so that the next call finds the store
        folder.write_record(StudyRecord(folder.name_store(store.uri), plan.to_toml(), started=started))
    yield from _take_vectors(store, plan)
    grid = plan_grid(store, plan)
    labels, too_large = choose_labels(store, plan)
    skipped = [*grid.skipped, *too_large]
    yield from _embed(store, grid)
    yield from _train(store, grid, skipped)
    left_out = {one.what for one in skipped}
    features = tuple(one for one in grid.features if str(one) not in left_out)
    yield from _calibrate(store, grid, skipped)
    for one in features:
        for case in grid.cases if plan.cases else (None,):
            yield from evaluate(store, one.encoder, one.mapper, case)
    yield from retrieve_labels(store, labels, features, skipped)
    checked = tuple(one for one in features if one in grid.checked())
    yield from run_checks(folder, store, checks, CheckPlan(checked, plan.check_settings, workers), skipped)
    failed = {one.what for one in skipped}
    versions = store.versions()
    folder.write_record(
        StudyRecord(
            store=folder.name_store(store.uri),
            tag=_pin(store, versions),
            versions=versions,
            plan=plan.to_toml(),
            features=features,
            cases=grid.cases,
            checks=tuple(check.name for check in checks if f"check {check.name}" not in failed),
            skipped=tuple(skipped),
            code=_code(),
            started=started,
            finished=_now(),
        )
    )


def check_store(folder: StudyFolder, store: Store) -> None:
    """Raise ConflictError where the folder holds the study of another store."""
    record = folder.find_record()
    if record is not None and folder.store_uri(record) != store.uri:
        raise ConflictError(
            f"{folder.path} holds the study of {folder.store_uri(record)}, not of {store.uri}",
            hint="name another folder, or leave out -s to go on with that store",
        )


def _take_vectors(store: Store, plan: StudyPlan) -> Iterator[Step]:
    """Features that were made elsewhere; those that are stored already are left alone."""
    from ..ingest.vectors import ingest_vectors, open_vectors

    for encoder, file in plan.vectors.items():
        yield from _new_work(ingest_vectors(store, open_vectors(Path(file)), encoder))


def _embed(store: Store, grid: Grid) -> Iterator[Step]:
    """Items without a vector: samples that were drawn since, and images that came."""
    from ..ingest.embed import embed

    for encoder in grid.embedded:
        yield from _new_work(embed(store, encoder))


def _train(store: Store, grid: Grid, skipped: list[Skipped]) -> Iterator[Step]:
    """Views, then mappers; what has too few models to learn from is added to `skipped`."""
    from ..ingest.embed import embed_views
    from ..train import train_mapper

    for number, training in enumerate(grid.trainings):
        config = training.config
        if config.views:
            views = embed_views(store, training.encoder, views=config.views, augment=config.augment)
            yield from _new_work(views)
        try:
            for step in train_mapper(store, training.encoder, config):
                note = f"{training.features}, {number + 1} of {len(grid.trainings)}; {step.note}"
                yield Step(step.stage, step.done, step.total, note)
        except InvalidInputError as error:  # too few models of a kind
            skipped.append(Skipped(str(training.features), str(error)))


def _calibrate(store: Store, grid: Grid, skipped: list[Skipped]) -> Iterator[Step]:
    """Calibrate what figures show the influence with, where it is not or its mapper was trained again."""
    from ..train import train_calibration

    for one in grid.calibrated():
        if str(one) in {other.what for other in skipped}:
            continue
        try:
            yield from train_calibration(store, one.encoder, one.mapper)
        except InvalidInputError as error:  # no held-out models
            skipped.append(Skipped(f"calibration of {one}", str(error)))


def _new_work(steps: Iterator[Step]) -> Iterator[Step]:
    """`steps`, without those of a job that has nothing left to do."""
    for step in steps:
        if step.done < step.total:
            yield step
            yield from steps


def _pin(store: Store, versions: dict[str, int]) -> str:
    """The tag of these versions; made where there is none."""
    found = [tag.name for tag in list_tags(store) if tag.versions == versions]
    return found[-1] if found else create_tag(store, f"study_{state_digest(versions)}").name


def _code() -> tuple[str, str]:
    return software_version(), code_version()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def open_study_store(folder: StudyFolder, uri: str | Path | None) -> Store:
    """The store of a study: `uri`, else that which ran, else the folder's own. NotFoundError for none."""
    record = folder.find_record()
    if uri is None:
        uri = folder.store if record is None else folder.store_uri(record)
    return Store.open(uri)
