"""The checks by name, in the order of the report."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ...store import InvalidInputError
from .altered import AlteredExemplars
from .check import Check
from .copies import CopyDetection
from .generators import Generators
from .glyphs import Glyphs
from .sanity import Sanity

CHECKS: Mapping[str, Check] = MappingProxyType(
    {check.name: check for check in (CopyDetection(), AlteredExemplars(), Generators(), Glyphs(), Sanity())}
)
"""Every check by its name."""


def find_check(name: str) -> Check:
    """The check called `name`. Raises InvalidInputError that lists the known ones."""
    if name not in CHECKS:
        raise InvalidInputError(f"there is no check {name!r}", hint=f"use one of {', '.join(CHECKS)}")
    return CHECKS[name]
