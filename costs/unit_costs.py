"""Unit costs: a value, its unit and where it is from; stated ones, and a file of measured ones."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..store import InvalidInputError
from ..store.layout import write_atomically


@dataclass(frozen=True)
class UnitCost:
    """One unit cost.

    Attributes:
        name: what estimates call it ("decode").
        value: in `unit`.
        unit: "images a second and core".
        source: "measured: ...", "counted: ..." or "assumed".
    """

    name: str
    value: float
    unit: str
    source: str

    @property
    def kind(self) -> str:
        """The first word of `source`: measured, counted or assumed."""
        return self.source.partition(":")[0].split()[0]


@dataclass(frozen=True)
class UnitCosts:
    """Unit costs by name; `machine` is where measured ones are from, empty for stated ones."""

    costs: Mapping[str, UnitCost]
    machine: str = ""

    def __getitem__(self, name: str) -> float:
        return self.costs[name].value

    def __iter__(self) -> Iterator[UnitCost]:
        return iter(self.costs.values())

    def source(self, *names: str) -> str:
        """What kinds of values an estimate from these costs rests on: "counted, assumed"."""
        return ", ".join(dict.fromkeys(self.costs[name].kind for name in names))

    def updated(self, other: UnitCosts) -> UnitCosts:
        """These, with those of `other` in the place of ours."""
        return UnitCosts({**self.costs, **other.costs}, other.machine or self.machine)

    def with_values(self, **values: float | None) -> UnitCosts:
        """These, with some values given by the user. Raises InvalidInputError for one that is not above 0."""
        costs = dict(self.costs)
        for name, value in values.items():
            if value is None:
                continue
            if not 0 < value < math.inf:
                raise InvalidInputError(f"{name} is {value}", hint="use a number above 0")
            costs[name] = UnitCost(name, value, costs[name].unit, "given")
        return UnitCosts(costs, self.machine)

    def write(self, path: Path) -> None:
        """Write them as JSON, for `read_unit_costs`."""
        costs = {one.name: {"value": one.value, "unit": one.unit, "from": one.source} for one in self}
        text = json.dumps({"machine": self.machine, "costs": costs}, indent=2)
        write_atomically(path, text.encode() + b"\n")


@cache
def stated_unit_costs() -> UnitCosts:
    """The unit costs of the reference: counted on architectures, measured by the project, or assumed."""
    rows = tomllib.loads(files(__package__).joinpath("data/unit_costs.toml").read_text())
    return UnitCosts({name: _read(name, row) for name, row in rows.items()})


def read_unit_costs(path: Path) -> UnitCosts:
    """What `attribase bench --save FILE` measured. Raises InvalidInputError for another file."""
    hint = "write one: attribase bench --save FILE.json"
    try:
        found = json.loads(path.read_text())
        costs = {str(name): _read(str(name), row) for name, row in found["costs"].items()}
        machine = str(found["machine"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"{path} is no file of unit costs: {error}", hint=hint) from error
    stated = stated_unit_costs().costs
    for name, cost in costs.items():
        if name not in stated:
            raise InvalidInputError(f"{path}: there is no unit cost {name!r}", hint=hint)
        if not 0 < cost.value < math.inf:
            raise InvalidInputError(f"{path}: {name} is {cost.value}", hint=hint)
    return UnitCosts(costs, machine)


def _read(name: str, row: Mapping[str, Any]) -> UnitCost:
    return UnitCost(name, float(row["value"]), str(row["unit"]), str(row["from"]))
