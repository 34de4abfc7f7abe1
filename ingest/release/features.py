"""Feature files of a release: the gallery (laion_subset.pth), and the exemplars and samples of a case."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from .entries import entry_error, format_value, is_storable_name, parse_names
from .listing import ListedModel, Listing
from .tensors import StoredMatrix, load_without_values, open_matrix

CASE_ENTRIES = (
    "exemplar_paths",
    "exemplar_tensors",
    "exemplar_chunks",
    "synth_paths",
    "synth_ids",
    "synth_tensors",
)


@dataclass(frozen=True)
class Gallery:
    """Features of the gallery by one encoder: `rows` (images, dim), one for each of `paths`."""

    encoder: str
    name: str
    digest: str
    paths: pa.StringArray
    rows: StoredMatrix


@dataclass(frozen=True)
class SampleFeatures:
    """Features of the samples of one scheme: `rows` (samples, dim), each of a model number and a path."""

    scheme: str
    models: tuple[int, ...]
    paths: tuple[str, ...]
    rows: StoredMatrix


@dataclass(frozen=True)
class CaseFeatures:
    """Features of a case by one encoder.

    `chunks`: the rows [start, end) of `exemplars` that belong to each model of `listing`.
    """

    encoder: str
    listing: Listing
    chunks: tuple[tuple[int, int], ...]
    exemplars: StoredMatrix
    samples: tuple[SampleFeatures, ...]


def read_gallery(path: Path, name: str, encoder: str) -> Gallery:
    """The file at `path`, its values left on disk.

    Raises InvalidInputError or DataError that names the file and the entry.
    """
    entries, digest = load_without_values(path, name)
    _check_entries(name, entries, ("feats", "paths"))
    paths = pa.array(parse_names(name, "paths", entries.pop("paths")), pa.string())
    if not len(paths):
        raise entry_error(name, "paths", "is empty")
    rows = open_matrix(path, name, "feats", entries["feats"], rows=len(paths))
    return Gallery(encoder, name, digest, paths, rows)


def read_case(path: Path, name: str, encoder: str, case: str) -> CaseFeatures:
    """The file at `path`, its values left on disk.

    Raises InvalidInputError or DataError that names the file and the entry.
    """
    entries, digest = load_without_values(path, name)
    _check_entries(name, entries, CASE_ENTRIES)
    exemplar_paths = parse_names(name, "exemplar_paths", entries["exemplar_paths"])
    chunks = _parse_chunks(name, entries["exemplar_chunks"], len(exemplar_paths))
    exemplars = open_matrix(
        path, name, "exemplar_tensors", entries["exemplar_tensors"], rows=len(exemplar_paths)
    )
    samples = tuple(
        _read_samples(path, name, entries, scheme, len(chunks)) for scheme in _parse_schemes(name, entries)
    )
    for one in samples:
        if one.rows.dim != exemplars.dim:
            entry = f"synth_tensors[{one.scheme!r}]"
            raise entry_error(name, entry, f"has {one.rows.dim} dimensions, exemplar_tensors {exemplars.dim}")
    models = _list_models(exemplar_paths, chunks, samples)
    listing = Listing(case, name, models, complete=False, digest=digest)
    return CaseFeatures(encoder, listing, chunks, exemplars, samples)


def _check_entries(name: str, entries: dict[str, Any], wanted: Sequence[str]) -> None:
    for entry in wanted:
        if entry not in entries:
            raise entry_error(name, "the whole file", f"has no {entry!r}")


def _parse_chunks(name: str, value: Any, rows: int) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, list | tuple) or not value:
        raise entry_error(name, "exemplar_chunks", f"is {format_value(value)}, not a list of (start, end)")
    for place, chunk in enumerate(value):
        at = f"exemplar_chunks[{place}]"
        if not isinstance(chunk, list | tuple) or len(chunk) != 2 or not all(map(_is_int, chunk)):
            raise entry_error(name, at, f"is {format_value(chunk)}, not (start, end)")
        if not 0 <= chunk[0] < chunk[1] <= rows:
            raise entry_error(name, at, f"is {tuple(chunk)} of {rows} exemplars")
    return tuple((start, end) for start, end in value)


def _parse_schemes(name: str, entries: dict[str, Any]) -> list[str]:
    """The schemes, which have to be the same in the three entries about samples."""
    for entry in ("synth_paths", "synth_ids", "synth_tensors"):
        if not isinstance(entries[entry], dict) or not all(map(is_storable_name, entries[entry])):
            raise entry_error(name, entry, f"is {format_value(entries[entry])}, not a dictionary of schemes")
        if set(entries[entry]) != set(entries["synth_paths"]):
            raise entry_error(
                name, entry, f"has the schemes {sorted(entries[entry])}, not those of synth_paths"
            )
    return list(entries["synth_paths"])


def _read_samples(path: Path, name: str, entries: dict[str, Any], scheme: str, models: int) -> SampleFeatures:
    paths = parse_names(name, f"synth_paths[{scheme!r}]", entries["synth_paths"][scheme])
    at, numbers = f"synth_ids[{scheme!r}]", entries["synth_ids"][scheme]
    if not isinstance(numbers, list | tuple) or len(numbers) != len(paths):
        size = len(numbers) if isinstance(numbers, list | tuple) else format_value(numbers)
        raise entry_error(name, at, f"has {size} numbers for {len(paths)} paths")
    for place, number in enumerate(numbers):
        if not _is_int(number) or not 0 <= number < models:
            raise entry_error(name, f"{at}[{place}]", f"is {format_value(number)}, there are {models} models")
    tensor = entries["synth_tensors"][scheme]
    rows = open_matrix(path, name, f"synth_tensors[{scheme!r}]", tensor, rows=len(paths))
    return SampleFeatures(scheme, tuple(numbers), paths, rows)


def _list_models(
    exemplars: Sequence[str], chunks: Sequence[tuple[int, int]], samples: Sequence[SampleFeatures]
) -> tuple[ListedModel, ...]:
    drawn: list[dict[str, list[str]]] = [{one.scheme: [] for one in samples} for _ in chunks]
    for one in samples:
        for model, path in zip(one.models, one.paths, strict=True):
            drawn[model][one.scheme].append(path)
    return tuple(
        ListedModel(tuple(exemplars[start:end]), {scheme: tuple(paths) for scheme, paths in mine.items()})
        for (start, end), mine in zip(chunks, drawn, strict=True)
    )


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
