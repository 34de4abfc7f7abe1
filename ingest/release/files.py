"""The files of an AbC release in its folder, and what their names mean.

    dataset/json/test_<case>.json            (or .json.gz)
    feats/<encoder>/laion_subset.pth
    feats/<encoder>/test_<case>.pth
    weights/mapper/<encoder>_<mapper>.pth
    weights/calibrator/<encoder>_<mapper>.pth

Every part is optional. An encoder's name may hold underscores itself: a weights file belongs to the longest
encoder that its name starts with, among the folders of feats/ and the encoders that the store knows. Where
none fits, a name with one underscore is split there; a name with several is left out, with a note.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...store import InvalidInputError, NotFoundError
from ...store.ids import safe_name

LAYOUT_HINT = (
    "a release has dataset/json/test_<case>.json, feats/<encoder>/laion_subset.pth, feats/<encoder>/"
    "test_<case>.pth, weights/mapper/<encoder>_<name>.pth or weights/calibrator/<encoder>_<name>.pth"
)
GALLERY_FILE = "laion_subset.pth"
GALLERY = "gallery"
CASE_PREFIX = "test_"
INDEX_ENDINGS = (".json", ".json.gz")
FEATURES_ENDING = ".pth"


@dataclass(frozen=True)
class Files:
    """The files of a release. Keys: case, encoder, (encoder, case) and (encoder, mapper)."""

    folder: Path
    indexes: dict[str, Path] = field(default_factory=dict)
    galleries: dict[str, Path] = field(default_factory=dict)
    features: dict[tuple[str, str], Path] = field(default_factory=dict)
    mappers: dict[tuple[str, str], Path] = field(default_factory=dict)
    calibrators: dict[tuple[str, str], Path] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def name(self, path: Path) -> str:
        """`path` below the folder, with slashes, as in messages and jobs."""
        return path.relative_to(self.folder).as_posix()


def find_files(folder: str | Path, known_encoders: Collection[str] = ()) -> Files:
    """The parts of a release in `folder`.

    Raises NotFoundError when there is no such folder, InvalidInputError when it holds no part of a release,
    or a file has an unusable name.
    """
    files = Files(Path(folder))
    if not files.folder.exists():
        raise NotFoundError(f"there is no folder {folder}", hint=LAYOUT_HINT)
    if not files.folder.is_dir():
        raise InvalidInputError(f"{folder} is not a folder", hint=LAYOUT_HINT)
    _find_indexes(files)
    encoders = {path.name for path in _entries(files.folder / "feats") if path.is_dir()}
    for encoder in sorted(encoders):
        _find_features(files, encoder)
    everything = encoders | set(known_encoders)
    _find_weights(files, files.folder / "weights" / "mapper", files.mappers, everything)
    _find_weights(files, files.folder / "weights" / "calibrator", files.calibrators, everything)
    _check_names(files)
    if not any((files.indexes, files.galleries, files.features, files.mappers, files.calibrators)):
        left = f" ({files.ignored[0]})" if files.ignored else ""
        raise InvalidInputError(f"{folder} holds no part of the release{left}", hint=LAYOUT_HINT)
    return files


def _entries(folder: Path) -> Iterator[Path]:
    """The entries of `folder` that are not hidden, sorted; none when there is no such folder."""
    if not folder.is_dir():
        return
    try:
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InvalidInputError(
            f"{folder} cannot be listed: {error.strerror}", hint="check its permissions"
        ) from error


def _find_indexes(files: Files) -> None:
    for path in _entries(files.folder / "dataset" / "json"):
        ending = next((end for end in INDEX_ENDINGS if path.name.endswith(end)), None)
        case = path.name.removesuffix(ending or "").removeprefix(CASE_PREFIX)
        if ending is None or not path.is_file():
            continue
        if not path.name.startswith(CASE_PREFIX) or not case:
            files.ignored.append(f"{files.name(path)} is not named test_<case>")
        elif case in files.indexes:
            raise InvalidInputError(
                f"{files.name(files.indexes[case])} and {files.name(path)} are both the index of {case!r}",
                hint="keep one of them",
            )
        else:
            files.indexes[case] = path


def _find_features(files: Files, encoder: str) -> None:
    for path in _entries(files.folder / "feats" / encoder):
        case = path.name.removesuffix(FEATURES_ENDING).removeprefix(CASE_PREFIX)
        if not path.name.endswith(FEATURES_ENDING) or not path.is_file():
            continue
        if path.name == GALLERY_FILE:
            files.galleries[encoder] = path
        elif path.name.startswith(CASE_PREFIX) and case:
            files.features[encoder, case] = path
        else:
            files.ignored.append(f"{files.name(path)} is neither {GALLERY_FILE} nor test_<case>.pth")


def _find_weights(
    files: Files, folder: Path, found: dict[tuple[str, str], Path], encoders: Collection[str]
) -> None:
    for path in _entries(folder):
        if not path.name.endswith(FEATURES_ENDING) or not path.is_file():
            continue
        encoder = _encoder_of(path.name.removesuffix(FEATURES_ENDING), encoders)
        if encoder is None:
            files.ignored.append(
                f"{files.name(path)}: where its encoder's name ends is ambiguous: import the features first, "
                "or make the folder feats/<encoder>"
            )
            continue
        mapper = path.name.removesuffix(FEATURES_ENDING).removeprefix(f"{encoder}_")
        found[encoder, mapper] = path


def _encoder_of(stem: str, encoders: Collection[str]) -> str | None:
    """The encoder that a weights file's name starts with, None where that is ambiguous."""
    fitting = [name for name in encoders if stem.startswith(f"{name}_") and len(stem) > len(name) + 1]
    if fitting:
        return max(fitting, key=len)
    encoder, _, mapper = stem.partition("_")
    return encoder if encoder and mapper and "_" not in mapper else None


def _check_names(files: Files) -> None:
    """Names become parts of table and column names; `gallery` and `none` are reserved."""
    named: dict[str, Path] = dict(files.galleries)
    for (name, _), path in (*files.features.items(), *files.mappers.items(), *files.calibrators.items()):
        named.setdefault(name, path)
    for name, path in (*named.items(), *((mapper, path) for (_, mapper), path in files.mappers.items())):
        try:
            safe_name(name)
        except InvalidInputError as error:
            raise InvalidInputError(f"{files.name(path)}: {error}", hint=error.hint) from error
    for case, path in (*files.indexes.items(), *((case, path) for (_, case), path in files.features.items())):
        if case == GALLERY:
            raise InvalidInputError(
                f"{files.name(path)}: {case!r} cannot name a case",
                hint="rename the file",
            )
    for (_, mapper), path in files.mappers.items():
        if mapper == "none":
            raise InvalidInputError(
                f"{files.name(path)}: 'none' stands for raw features", hint="rename the file"
            )
