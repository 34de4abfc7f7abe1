"""Writes generated pictures as samples: new rows, models whose exemplars are known, what is filled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...store import Failure, Store, key_id
from ...store.tombstones import read_tombstones
from ..images.merge import Merge, MergedTable, MergingWriter, metadata_text
from ..images.sources.source import ImageRecord, Unreadable
from ..images.staging import RowSink, StoreSink
from .embedded import read_embedded_settings
from .models import ExternalModels, ModelOf, columns_of_models, read_model
from .settings import Settings, record_settings

SAMPLES = MergedTable(
    "samples",
    "sample_id",
    ("model_id", "scheme", "prompt", "seed", "steps", "guidance", "scheduler", "generator", "created"),
    "prompt",
)
LONGEST_PROMPT = 100_000
LARGEST_METADATA = 1 << 20
_SHORTEN = "give what belongs to this picture alone, in a table beside it"
_DOWNLOAD = "download it, and ingest the file"


class Generated(NamedTuple):
    """A generated picture that can be stored; `size` is None where it was not decoded."""

    item: str
    sample_id: str
    record: ImageRecord
    size: tuple[int, int] | None
    settings: Settings
    scheme: str | None
    model: ModelOf | None


@dataclass
class SampleCounts:
    """What became of the pictures of a run.

    Attributes:
        new: rows inserted.
        known: pictures that were stored before, or came twice.
        prompted: pictures whose prompt is known from the source.
        of_models: pictures whose exemplars are known.
    """

    new: int = 0
    known: int = 0
    prompted: int = 0
    of_models: int = 0


def sample_id_of(image_id: str) -> str:
    """The sample_id of a picture by the hash of its bytes: never that of an image, which may be the same."""
    return key_id("generated", image_id)


class SampleWriter(MergingWriter):
    """Writes samples. `generator` is that of pictures for which nothing else names one.

    New rows go into `sink`; by default that is the store.
    """

    def __init__(
        self,
        store: Store,
        *,
        update: bool = False,
        generator: str | None = None,
        sink: RowSink | None = None,
    ) -> None:
        super().__init__(Merge(store, update=update, table=SAMPLES))
        self._sink = sink or StoreSink(store)
        self.counts = SampleCounts()
        self.models = ExternalModels(store)
        self._store, self._default = store, Settings(generator=generator)

    def held(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids`, the hashes of pictures, that are stored as samples."""
        by_sample = {sample_id_of(one): one for one in ids}
        return {by_sample[one] for one in self._store.held("samples", list(by_sample))}

    def accept(
        self, item: str, image_id: str, record: ImageRecord, size: tuple[int, int] | None
    ) -> Generated | Unreadable:
        """The picture with its settings: those of the source, and where it has none those of the file.

        Raises InvalidInputError where the source says of its model what cannot be.
        """
        if record.data is None:
            return Unreadable("not-downloaded", f"only the address is there: {record.uri}", _DOWNLOAD)
        model = read_model(item, record.metadata, record.category)
        scheme = record.metadata.get("scheme")
        settings = _without_model(record_settings(record), model).or_else(read_embedded_settings(record.data))
        problem = _too_long(settings)
        if problem:
            return problem
        return Generated(
            item,
            sample_id_of(image_id),
            record,
            size,
            settings.or_else(self._default),
            scheme if isinstance(scheme, str) else None,
            model,
        )

    def new_row(self, accepted: Generated) -> dict[str, Any]:
        """The row of a picture of no model."""
        return _row(accepted, None)

    def write(self, accepted: Sequence[Generated]) -> list[Failure]:
        """Store some pictures, and the models of those whose exemplars are known. Raises as `models.ids`.

        Returns the pictures that were removed from the store and may not come back.
        """
        removed = read_tombstones(self._store).by_id
        gone = [one for one in accepted if one.sample_id in removed]
        kept = [one for one in accepted if one.sample_id not in removed]
        of_models = [one for one in kept if one.model is not None]
        ids = self.models.ids([one.model for one in of_models if one.model])
        models = {one.item: model for one, model in zip(of_models, ids, strict=True)}
        rows: dict[str, dict[str, Any]] = {}
        for one in kept:
            row = _row(one, models.get(one.item))
            if one.sample_id in rows:
                self._merge.add(one.sample_id, _given(one, row))
            else:
                rows[one.sample_id] = row
        there = self._store.held("samples", list(rows))
        fresh = [row for name, row in rows.items() if name not in there]
        inserted = self._sink.insert("samples", fresh)
        for one in kept:
            if one.sample_id in there or inserted < len(fresh):  # another process stored some of them first
                self._merge.add(one.sample_id, _given(one, rows[one.sample_id]))
        self.counts.new += inserted
        self.counts.known += len(kept) - inserted
        self.counts.prompted += sum(one.settings.prompt is not None for one in kept)
        self.counts.of_models += len(of_models)
        return [
            Failure(one.item, "removed", removed[one.sample_id].story, removed[one.sample_id].remedy)
            for one in gone
        ]


def _without_model(settings: Settings, model: ModelOf | None) -> Settings:
    """The settings without those of a customized model, which are in its row of `models`."""
    names = {"scheme"} if model is None else columns_of_models() | {"scheme"}
    others = {name: value for name, value in settings.others.items() if name not in names}
    named = model is not None and settings.generator == model.name
    return Settings(
        **{name: value for name, value in vars(settings).items() if name not in ("others", "generator")},
        generator=None if named else settings.generator,
        others=others,
    )


def _too_long(settings: Settings) -> Unreadable | None:
    if settings.prompt is not None and len(settings.prompt) > LONGEST_PROMPT:
        length = f"{len(settings.prompt):,} characters, more than {LONGEST_PROMPT:,}"
        return Unreadable("prompt-too-long", f"its prompt has {length}", _SHORTEN)
    text = metadata_text(settings.others)
    if text is not None and len(text) > LARGEST_METADATA:
        length = f"{len(text):,} characters, more than {LARGEST_METADATA:,}"
        return Unreadable("metadata-too-long", f"its metadata have {length}", _SHORTEN)
    return None


def _row(one: Generated, model_id: str | None) -> dict[str, Any]:
    width, height = one.size or (None, None)
    settings = {name: value for name, value in vars(one.settings).items() if name != "others"}
    return {
        "sample_id": one.sample_id,
        "model_id": model_id,
        "scheme": one.scheme,
        **settings,
        "uri": one.record.uri,
        "width": width,
        "height": height,
        "bytes": one.record.data,
        "metadata": metadata_text(one.settings.others),
    }


def _given(one: Generated, row: dict[str, Any]) -> dict[str, Any]:
    """What a row says of a picture that is stored already."""
    return {name: row[name] for name in SAMPLES.values} | {"metadata": dict(one.settings.others)}
