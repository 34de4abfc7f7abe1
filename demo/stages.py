"""The stages of the demo in order. Each resumes by itself, so a stopped demo goes on when it is run again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ..runtime.mapper import RAW
from ..store import Step, Store
from .settings import OTHERS, DemoSettings, read_marker, write_marker

Rows = list[dict[str, Any]]


def is_done(settings: DemoSettings) -> bool:
    """Whether these settings ran to the end and the tables have not changed since."""
    marker = read_marker(settings)
    if marker is None or marker.get("settings") != settings.to_dict() or not settings.report.exists():
        return False
    return bool(Store.open(settings.store).versions() == marker.get("versions"))


def run_demo(settings: DemoSettings) -> Iterator[Step]:
    """Run all stages in order; after a stop, the next run continues with what is not committed yet."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    store = Store.create(settings.store)
    yield from make_world(store, settings)
    for stage in (_train, _evaluate):
        yield from stage(store, settings)
    yield from _report(store, settings)
    write_marker(settings, store.versions())


def make_world(store: Store, settings: DemoSettings) -> Iterator[Step]:
    """The images of the embedded world, customized models, their samples, and all vectors, in this order."""
    for stage in (_ingest_images, _generate, _embed):
        yield from stage(store, settings)


def _ingest_images(store: Store, settings: DemoSettings) -> Iterator[Step]:
    del settings
    from ..ingest.images import ingest_images, open_source

    for source, collection in (("world:gallery", "gallery"), ("world:exemplars", "exemplars")):
        yield from ingest_images(store, open_source(source), collection)


def _generate(store: Store, settings: DemoSettings) -> Iterator[Step]:
    from ..ingest.customize import customize, defaults_for
    from ..ingest.sample import sample, sample_defaults_for

    specs = settings.specs()
    base = defaults_for("world")
    yield from customize(store, specs, base, workers=settings.workers)
    yield from sample(store, specs, base, sample_defaults_for("world"), workers=settings.workers)


def _embed(store: Store, settings: DemoSettings) -> Iterator[Step]:
    from ..ingest.embed import embed
    from ..ingest.encoders import ensure_encoder

    for encoder in (settings.encoder, *OTHERS, settings.several):
        ensure_encoder(store, encoder)
        yield from embed(store, encoder)


def _train(store: Store, settings: DemoSettings) -> Iterator[Step]:
    """The paper's recipe and the best one, and for every mapper and raw what turns answers into shares."""
    from ..ingest.embed import embed_views
    from ..train import RECIPES, train_abstention, train_calibration, train_mapper

    compared = list(settings.compared.values())
    for features in compared:
        if features.mapper != RAW:
            config = replace(RECIPES[features.mapper], name=features.mapper)
            if config.views:
                yield from embed_views(store, features.encoder, views=config.views)
            yield from train_mapper(store, features.encoder, config)
    for features in compared:
        yield from train_calibration(store, features.encoder, features.mapper)
        yield from train_abstention(store, features.encoder, features.mapper)


def _evaluate(store: Store, settings: DemoSettings) -> Iterator[Step]:
    from ..query import evaluate, measure_evidence

    for features in settings.compared.values():
        yield from evaluate(store, features.encoder, features.mapper)
    for features in settings.compared.values():
        yield from measure_evidence(store, features.encoder, features.mapper)


def _report(store: Store, settings: DemoSettings) -> Iterator[Step]:
    from .report import write_report

    yield Step("report", 0, 1)
    write_report(store, settings)
    yield Step("report", 1, 1, str(settings.report))


def summary(settings: DemoSettings) -> list[tuple[str, Rows]]:
    """The tables that the terminal shows at the end, each with its title."""
    from .tables import SUMMARIES

    store = Store.open(settings.store)
    tables: list[tuple[str, Callable[[Store, DemoSettings], Rows]]] = list(SUMMARIES)
    return [(title, rows(store, settings)) for title, rows in tables]
