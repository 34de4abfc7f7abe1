"""Composite encoders `A+B`: what their names say, and their rows in `encoders`.

A composite has no file of its own: its row names the parts, their widths and the models they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...runtime import Preprocessing
from ...runtime.color_profiles import IGNORE
from ...runtime.composite import parts_json
from ...runtime.model_files import encoder_row
from ...store import Store, vectors_table, views_table
from ...store.columns import utc_now
from ...store.errors import ConflictError, InvalidInputError
from ...store.ids import AUGMENTATIONS
from . import sd_unet, user_onnx
from .spec import FP32

JOINT = "+"
"""Between the names of the parts."""

MIXED = "mixed"
"""The `precision` of a composite whose parts have not the same one."""


def part_names(name: str) -> list[str]:
    """The parts of `name`, as given; none where it is no composite. A path that exists may have a + in it.

    Raises InvalidInputError where a part has no name.
    """
    for prefix in (user_onnx.PREFIX, sd_unet.PREFIX):
        if name.startswith(prefix) and Path(name.removeprefix(prefix)).expanduser().exists():
            return []
    names = [part.strip() for part in name.split(JOINT)]
    if len(names) > 1 and not all(names):
        raise InvalidInputError(
            f"{name!r} has a {JOINT} without an encoder beside it",
            hint="join names of encoders: efficientnet-lite0+thumbnail; a path with a + in it has to exist",
        )
    return names if len(names) > 1 else []


def check_composite(parts: Sequence[str]) -> str:
    """The name of the composite of `parts`, names as the store has them.

    Raises InvalidInputError for a part that comes twice, or a name too long for a table.
    """
    twice = next((part for part in parts if parts.count(part) > 1), None)
    if twice:
        raise InvalidInputError(
            f"{JOINT.join(parts)} has the part {twice} twice",
            hint="name it once: how much each part counts is learned by a mapper",
        )
    name = JOINT.join(parts)
    try:
        vectors_table(name)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{name} is too long for the name of a table", hint="join fewer encoders, 80 letters at most"
        ) from error
    return name


def write_composite(store: Store, parts: Sequence[str]) -> str:
    """Write the `encoders` row of the composite of `parts`, which the store has. Returns its name.

    Raises:
        InvalidInputError: see `check_composite`; or the parts treat ICC profiles differently.
        ConflictError: the store has features of this composite with other models of its parts, or an encoder
            of that name which is no composite.
    """
    name = check_composite(parts)
    rows = [encoder_row(store, part) for part in parts]
    profiles = {row["encoder"]: _profiles(row) for row in rows if row["onnx_file"]}
    if len(set(profiles.values())) > 1:
        said = ", ".join(f"{part} {value}" for part, value in profiles.items())
        raise InvalidInputError(
            f"the parts of {name} treat ICC profiles differently: {said}",
            hint="embed them into a new store with the same --profiles, one part at a time",
        )
    row = _row(name, rows)
    stored = {one["encoder"]: one for one in store.read("encoders").to_pylist()}.get(name)
    if stored and stored["parts"] == row["parts"]:
        return name
    if stored and not stored["parts"]:
        raise ConflictError(
            f"the store has an encoder {name!r} that is no composite", hint="embed into another store"
        )
    own = (vectors_table(name), *(views_table(name, augment) for augment in AUGMENTATIONS))
    for table in own if stored else ():
        if table in store.tables() and store.count(table):
            raise ConflictError(
                f"the store holds features of other models of the parts of {name}",
                hint=f"move {table}.lance out of the store, then embed again",
            )
    store.upsert("encoders", [row], update=True)
    return name


def _row(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    precisions = {row["precision"] or FP32 for row in rows}
    licenses = dict.fromkeys(row["license"] for row in rows if row["license"])
    return {
        "encoder": name,
        "dim": sum(row["dim"] for row in rows),
        "source": "composite of " + ", ".join(row["encoder"] for row in rows),
        "license": "; ".join(licenses) or None,
        "precision": precisions.pop() if len(precisions) == 1 else MIXED,
        "files": "[]",
        "parts": parts_json(rows),
        "exported_at": utc_now(),
    }


def _profiles(row: Mapping[str, Any]) -> str:
    text = row["preprocessing"]
    return Preprocessing.from_json(text).profiles if text else IGNORE
