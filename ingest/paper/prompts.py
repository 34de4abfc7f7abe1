"""Prompts of the paper's models: ours, those of a file that a person edited, or the authors' own files."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...store import InvalidInputError
from ...store.layout import write_atomically
from ..plan.prompts import CONCEPT
from .folders import read_table

OWN = Path(__file__).parent / "prompts.csv"
"""25 captions of six kinds of things, 50 media, 50 captions of paintings, 40 objects."""

COLUMNS = ("split", "scheme", "category", "prompt")
SCHEMES = ("gpt", "media", "object")
STYLE = "style"
"""The category of prompts of styles."""

OTHER = "thing"
KINDS_OF_THINGS: Mapping[str, str] = {
    "animal": "animal armadillo bear bird bug butterfly cat coral crab crocodile crustacean dinosaur dog "
    "echinoderm ferret fish frog hog horse insect lizard mammal marsupial mollusk mongoose monkey monotreme "
    "primate rabbit reptile rodent salamander shark sloth snake spider trilobite turtle ungulate",
    "vehicle": "aircraft airplane bicycle boat bus car motorcycle ship train truck vehicle",
    "building": "bridge building church fence house monument tower",
    "food": "dessert dish drink food fruit vegetable",
    "plant": "flower fungus mushroom plant tree",
}
"""The kinds of things that our captions are written for, and the words of categories that are of them."""

PROMPT_HINT = f"the columns are {', '.join(COLUMNS)}; a prompt holds {CONCEPT} (docs/paper.md)"
_PLACES = re.compile(r"\{concept\}|\{\}|<new1>|V\*")


@dataclass(frozen=True)
class PromptRow:
    """One prompt: of `category` (empty for all), with `{concept}` where V* and its words belong.

    `reviewed` other than 'yes': nobody read it yet.
    """

    split: str
    scheme: str
    category: str
    prompt: str
    reviewed: str = "yes"


@dataclass(frozen=True)
class Prompts:
    """Prompts of which no one is of train and of test models.

    Raises InvalidInputError for one that is, one without `{concept}`, and another split or scheme.
    """

    rows: tuple[PromptRow, ...]

    def __post_init__(self) -> None:
        splits: dict[str, str] = {}
        for row in self.rows:
            if row.split not in ("train", "test") or row.scheme not in SCHEMES:
                raise InvalidInputError(
                    f"the prompt {row.prompt!r} has the split {row.split!r} and the scheme {row.scheme!r}",
                    hint=f"use train or test, and {', '.join(SCHEMES)}",
                )
            if row.prompt.count(CONCEPT) != 1:
                raise InvalidInputError(
                    f"the prompt {row.prompt!r} does not have one {CONCEPT}", hint=PROMPT_HINT
                )
            text = " ".join(row.prompt.lower().split())
            if splits.setdefault(text, row.split) != row.split:
                raise InvalidInputError(
                    f"the prompt {row.prompt!r} is of train and of test models", hint="delete one of them"
                )

    def of(self, kind: str, category: str, split: str) -> dict[str, list[str]]:
        """Scheme -> its prompts for models of a concept kind ('object' or 'style'), category and split.

        Captions of an object are those of its category, else of its kind of thing, else of all things.

        Raises InvalidInputError for a scheme without a prompt.
        """
        side = "test" if split == "test" else "train"
        schemes = ("gpt", "object") if kind == "style" else ("gpt", "media")
        names = (STYLE, "") if kind == "style" else (category, kind_of_thing(category), OTHER, "")
        found = {scheme: self._first(side, scheme, names) for scheme in schemes}
        for scheme, prompts in found.items():
            if not prompts:
                raise InvalidInputError(
                    f"there are no {side} prompts of the scheme {scheme} for {category!r}", hint=PROMPT_HINT
                )
        return found

    def _first(self, side: str, scheme: str, names: Sequence[str]) -> list[str]:
        """The prompts of the first of `names` that has some."""
        for name in names:
            found = [
                row.prompt
                for row in self.rows
                if (row.split, row.scheme, row.category) == (side, scheme, name)
            ]
            if found:
                return found
        return []


def kind_of_thing(category: str) -> str:
    """The kind of thing that a category is of: by its last word, then by the others."""
    words = category.lower().replace("_", " ").split()[::-1]
    for word in [*words, *(word.removesuffix("s") for word in words)]:
        for kind, known in KINDS_OF_THINGS.items():
            if word in known.split():
                return kind
    return OTHER


def own_prompts() -> Prompts:
    """Those that come with Attribase."""
    return read_prompts(OWN)


def read_prompts(path: Path) -> Prompts:
    """The prompts of a table, or of a folder with `train/` and `test/`.

    In a folder, a file is of the scheme that its path names (gpt, media or object) and of the category that
    is the rest of its name. Its lines, or its JSON list, are prompts; words without a place for the concept
    are media or objects.

    Raises InvalidInputError for a table with a prompt that was not reviewed, see `request_prompts`.
    """
    if path.is_dir():
        return Prompts(tuple(row for side in ("train", "test") for row in _read_side(path, side)))
    rows = read_rows(path)
    unread = [(number, row) for number, row in enumerate(rows, 2) if row.reviewed.lower() != "yes"]
    if unread:
        number, first = unread[0]
        raise InvalidInputError(
            f"{path}, line {number}: {first.prompt!r} has not been reviewed, one of {len(unread)}",
            hint="read the prompts, correct or delete them, and write yes in the column `reviewed`",
        )
    return Prompts(tuple(rows))


def read_rows(path: Path) -> list[PromptRow]:
    """The rows of a table, reviewed or not."""
    names = (*COLUMNS, "reviewed")
    table = read_table(path, COLUMNS, PROMPT_HINT)
    texts = [{name: (row.get(name) or "").strip() for name in names} for row in table]
    return [PromptRow(**{**row, "reviewed": row["reviewed"] or "yes"}) for row in texts]


def write_prompts(path: Path, rows: Iterable[PromptRow]) -> None:
    """Write a table to be edited, the whole file or nothing."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow((*COLUMNS, "reviewed"))
    table.writerows((row.split, row.scheme, row.category, row.prompt, row.reviewed) for row in rows)
    try:
        write_atomically(path.resolve(), text.getvalue().encode())
        path.chmod(0o644)  # temporary files are private
    except OSError as error:
        raise InvalidInputError(f"cannot write {path}: {error.strerror}", hint="name another file") from error


def _read_side(folder: Path, side: str) -> list[PromptRow]:
    files = [path for path in sorted((folder / side).rglob("*")) if path.suffix in (".txt", ".json")]
    if not files:
        raise InvalidInputError(
            f"there are no prompts in {folder / side}", hint="its files end in .txt or .json (docs/paper.md)"
        )
    return [row for path in files for row in _read_file(path, path.relative_to(folder / side), side)]


def _read_file(path: Path, name: Path, side: str) -> list[PromptRow]:
    words = [word for part in name.with_suffix("").parts for word in re.split(r"[_\-]", part)]
    scheme = next((word for word in words if word in SCHEMES), "gpt")
    category = " ".join(word for word in words if word not in (*SCHEMES, "prompts", "prompt"))
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        lines = json.loads(text) if path.suffix == ".json" else text.splitlines()
    except ValueError as error:
        raise InvalidInputError(
            f"{path} is no JSON: {error}", hint="it should be a list of prompts"
        ) from error
    if not isinstance(lines, list):
        raise InvalidInputError(f"{path} is no list of prompts", hint="it should be a list of texts")
    if scheme == "object" and not category:
        category = STYLE
    prompts = [_with_place(str(line).strip(), scheme) for line in lines if str(line).strip()]
    return [PromptRow(side, scheme, category, prompt) for prompt in prompts]


def _with_place(text: str, scheme: str) -> str:
    """The prompt with `{concept}`, however its file says where the concept belongs."""
    if _PLACES.search(text):
        return _PLACES.sub(CONCEPT, text)
    if scheme == "gpt":
        return text
    named = text.lower().startswith(("a ", "an ", "the "))
    phrase = text if named else f"{'an' if text[0].lower() in 'aeiou' else 'a'} {text}"
    if scheme == "media":
        return f"{phrase[0].upper()}{phrase[1:]} of {CONCEPT}"
    return f"A picture of {phrase} in the style of {CONCEPT}"
