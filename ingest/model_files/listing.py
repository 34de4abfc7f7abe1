"""Which models a file, a folder or a table holds: the main file of each, and its options."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...store import InvalidInputError, NotFoundError
from ..images.sources.files import DataFile
from ..images.sources.listing import kind_of
from ..images.sources.names import item_of
from ..images.sources.open_table import open_rows
from ..images.sources.source import Unreadable
from .custom_diffusion import is_token_name
from .model_file import HINT, no_model_error
from .said import Said, read_row

ENDINGS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
"""Of files of models; where a model is there twice, the first counts."""

NAMES = ("pytorch_lora_weights", "learned_embeds", "pytorch_custom_diffusion_weights", "delta")
"""What training scripts call their last file; others beside it are earlier ones."""

OTHER_NAMES = (
    "optimizer",
    "scheduler",
    "scaler",
    "training_args",
    "random_states",
    "diffusion_pytorch_model",
)
"""Beginnings of what scripts write beside a model."""

EXEMPLAR_FOLDERS = ("exemplars", "concept_images", "instance_images", "training_images", "train", "img")
"""Subfolders of a model's folder that are taken for its exemplars; others may hold what it drew."""

TABLE = "models"
"""The name, without its ending, of a table in a folder of models."""

KIND_FILE = "type_of_concept.txt"
"""Of the library of textual inversions at huggingface.co/sd-concepts-library: `object` or `style`."""


@dataclass(frozen=True)
class Entry:
    """One model: its main file, its name in summaries and failures, and its options."""

    path: Path
    name: str
    said: Said

    @property
    def concept(self) -> str:
        """What it is called where nothing says it: its file, or the folder where files have one name all."""
        generic = self.path.stem in NAMES
        return self.said.concept or (self.path.resolve().parent.name if generic else self.path.stem)


def list_models(source: Path, said: Said) -> list[Entry]:
    """The models of a file, of a folder (its own, or one a subfolder), or of a table.

    Args:
        source: a file of a model, a folder, or a table of models; a folder may hold one called `models`.
        said: counts for all of them, where a table says nothing else.

    Raises:
        NotFoundError: there is no such file, or a model of the table is not there.
        InvalidInputError: a folder without models, or with several files of one; a table that is none.
    """
    if source.is_dir():
        tables = [
            one for one in sorted(source.iterdir()) if one.stem == TABLE and kind_of(one.name) == "table"
        ]
        return _in_table(tables[0], said) if tables else _in_folder(source, said)
    if not source.is_file():
        raise NotFoundError(
            f"there is no {item_of(str(source))}", hint="name a file of a model, a folder or a table"
        )
    if kind_of(source.name) == "table":
        return _in_table(source, said)
    return [Entry(source, source.name, said)]


def _in_table(table: Path, said: Said) -> list[Entry]:
    rows = open_rows(DataFile(table.name, str(table)))
    found: list[Entry] = []
    for number, row in enumerate(rows.rows(0, rows.count())):
        where = f"{table.name}, row {number + 1}"
        if isinstance(row, Unreadable):
            raise InvalidInputError(f"{where}: {row.detail}", hint=row.remedy or HINT)
        try:
            name, own = read_row(row)
        except InvalidInputError as error:
            raise InvalidInputError(f"{where}: {error}", hint=error.hint) from error
        if name is None:
            raise InvalidInputError(f"{where} names no file of a model", hint="give it in a column `model`")
        path = _main_file(table.parent / name) if (table.parent / name).is_dir() else table.parent / name
        if path is None or not path.is_file():
            raise NotFoundError(
                f"{where}: there is no model {name}", hint="paths start at the folder of the table"
            )
        found.append(Entry(path, name, _beside_table(table.parent, own).or_else(said)))
    if not found:
        raise InvalidInputError(f"{table} has no rows", hint=HINT)
    return found


def _beside_table(folder: Path, said: Said) -> Said:
    """Folders that the row names, from the table's own."""

    def place(name: str) -> str:
        return str(folder / name) if (folder / name).exists() else name

    base = said.base and place(said.base)
    return replace(said, exemplars=tuple(map(place, said.exemplars)), base=base)


def _in_folder(folder: Path, said: Said) -> list[Entry]:
    own = _main_file(folder)
    if own is not None:
        return [Entry(own, own.name, _with_folder(folder, said))]
    found = list(_in_subfolders(folder, said))
    if not found:
        raise no_model_error(
            folder, f"holds no file of a model ({', '.join(ENDINGS)}), nor do its subfolders"
        )
    return found


def _in_subfolders(folder: Path, said: Said) -> Iterator[Entry]:
    for below in sorted(folder.iterdir()):
        if not below.is_dir() or below.name.startswith(".") or below.name.startswith("checkpoint-"):
            continue
        path = _main_file(below)
        if path is not None:
            named = [Path(one) / below.name for one in said.exemplars]  # a folder of exemplars a model
            chosen = tuple(str(one) for one in named if one.is_dir())
            yield Entry(
                path,
                f"{below.name}/{path.name}",
                _with_folder(below, replace(said, exemplars=chosen or said.exemplars)),
            )


def _main_file(folder: Path) -> Path | None:
    """The file of the model in a folder; None where there is none.

    Raises InvalidInputError where there are several, or a whole base.
    """
    if (folder / "model_index.json").is_file():
        raise no_model_error(folder, "is a whole pipeline, not a file of what training changed")
    files = [
        one
        for one in sorted(folder.iterdir())
        if one.suffix in ENDINGS and one.is_file()
        if not is_token_name(one.stem) and not one.name.startswith(OTHER_NAMES)
    ]
    last = [one for name in NAMES for one in files if one.stem == name] or files
    stems = list(dict.fromkeys(one.stem for one in last))
    if len(stems) > 1:
        names = ", ".join(one.name for one in last[:3])
        raise InvalidInputError(
            f"{folder} holds {len(stems)} files of models: {names}",
            hint="name one of them, or all in a table: docs/models.md",
        )
    return min(last, key=lambda one: ENDINGS.index(one.suffix), default=None)


def _with_folder(folder: Path, said: Said) -> Said:
    """What a model's own folder says: where its exemplars are, and of which kind they are."""
    kind = said.kind or _kind(folder)
    named = [folder / one for one in said.exemplars if (folder / one).is_dir()]
    if said.exemplars and not named:
        return replace(said, kind=kind)
    found = named or [folder / one for one in EXEMPLAR_FOLDERS if (folder / one).is_dir()]
    if len(found) > 1:
        raise InvalidInputError(
            f"{folder} has several folders of exemplars: {', '.join(one.name for one in found)}",
            hint=f"say which: --exemplars {found[0].name}",
        )
    return replace(said, exemplars=tuple(map(str, found)), kind=kind)


def _kind(folder: Path) -> str | None:
    file = folder / KIND_FILE
    kind = file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""
    return kind if kind in ("object", "style") else None


def check_exemplars(entries: Sequence[Entry]) -> None:
    """Raise InvalidInputError for the first model whose exemplars nothing says."""
    for entry in entries:
        if not entry.said.exemplars:
            raise InvalidInputError(
                f"{entry.name}: nothing says which images it was trained on",
                hint="give its training folder: --exemplars FOLDER",
            )
