"""The files of a source by class, group or artist, as the source is distributed."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ...store import InvalidInputError
from ..images.sources.text import decode_text
from .choice import Category

WNID = re.compile(r"n\d{8}")
SOLUTION = "LOC_val_solution.csv"
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
VALIDATION = re.compile(r"ILSVRC2012_val_(\d{8})\.")
CATEGORY_HINT = (
    "write a CSV with the columns `class` and `category`, such as n02084071,dog; a third column `seen` may "
    "say yes or no (docs/paper.md)"
)


def by_folder(images: Iterable[str]) -> dict[str, list[str]]:
    """Pictures by the name of their folder: a group of BAM-FG, an artist of Artchive."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in images:
        folder = PurePosixPath(path).parent.name
        if folder:
            found[folder].append(path)
    return dict(found)


def by_class(folder: Path, images: Iterable[str], others: Iterable[str] = ()) -> dict[str, list[str]]:
    """ImageNet's pictures by class: of class folders, or of the flat folder of validation pictures.

    Args:
        folder: where ImageNet is.
        images: paths of pictures below it.
        others: paths of other files below it: the classes of validation pictures are in
            LOC_val_solution.csv, or in the devkit's ground truth and meta.mat (with the extra `formats`).

    Raises InvalidInputError where nothing says of which class the pictures are.
    """
    found: dict[str, list[str]] = defaultdict(list)
    flat: dict[int, str] = {}
    for path in images:
        classes = [part for part in PurePosixPath(path).parts[:-1] if WNID.fullmatch(part)]
        if classes:
            found[classes[-1]].append(path)
        elif match := VALIDATION.search(path):
            flat[int(match[1])] = path
    if flat:
        classes_of = _validation_classes(folder, list(others))
        for number, path in flat.items():
            if number in classes_of:
                found[classes_of[number]].append(path)
    if not found:
        raise InvalidInputError(
            f"nothing in {folder} says of which class its pictures are",
            hint="give a folder with a folder a class (n01440764/...), or validation pictures with"
            f" {SOLUTION} or the devkit",
        )
    return dict(found)


def read_categories(file: Path) -> dict[str, Category]:
    """Class -> broad category, of a CSV or TSV with the columns `class`, `category` and perhaps `seen`.

    Raises InvalidInputError for a file that cannot be read, and a line without one of them.
    """
    found: dict[str, Category] = {}
    for number, row in enumerate(read_table(file, ("class", "category"), CATEGORY_HINT), 2):
        name, category, seen = (str(row.get(key) or "").strip() for key in ("class", "category", "seen"))
        if not name or not category:
            raise InvalidInputError(
                f"{file}, line {number}: a class or its category is missing", hint=CATEGORY_HINT
            )
        known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": None}
        if seen.lower() not in known:
            raise InvalidInputError(f"{file}, line {number}: seen is {seen!r}", hint="write yes or no")
        found[name] = Category(category, known[seen.lower()])
    return found


def read_table(file: Path, columns: tuple[str, ...], hint: str) -> list[Mapping[str, str | None]]:
    """The rows of a CSV or TSV in any encoding. Raises InvalidInputError where a column is missing."""
    try:
        text, _ = decode_text(file.read_bytes())
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}", hint=hint) from error
    first = text.partition("\n")[0]
    rows = csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in first else ",")
    missing = [name for name in columns if name not in (rows.fieldnames or ())]
    if missing:
        raise InvalidInputError(f"{file} has no column {missing[0]}", hint=hint)
    return list(rows)


def _validation_classes(folder: Path, others: list[str]) -> dict[int, str]:
    """Number of a validation picture -> its class."""
    named = {PurePosixPath(path).name: folder / path for path in others}
    if SOLUTION in named:
        rows = read_table(named[SOLUTION], ("ImageId", "PredictionString"), f"{SOLUTION} as Kaggle has it")
        pairs = [(str(row["ImageId"]), str(row["PredictionString"]).split()) for row in rows]
        return {int(image.rpartition("_")[2]): words[0] for image, words in pairs if words}
    if GROUND_TRUTH in named and META in named:
        wnids = _meta_wnids(named[META])
        lines = named[GROUND_TRUTH].read_text().split()
        return {number: wnids[int(line)] for number, line in enumerate(lines, 1)}
    return {}


def _meta_wnids(file: Path) -> dict[int, str]:
    """The devkit's number of a class -> its WordNet id."""
    from scipy.io import loadmat

    synsets = loadmat(file, squeeze_me=True, simplify_cells=True)["synsets"]
    return {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in synsets}
