"""Other values of a process's constants and defaults, as JSON: commands of tests commit often and end soon.

[[MODULE, NAME, VALUE], ...]; VALUE replaces a constant, a path is given as text. A dictionary changes a part:
the defaults of a function's keywords, the entries of a dictionary, the fields of a dataclass.
"""

import importlib
from collections.abc import Iterable
from dataclasses import is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any


def apply(patches: Iterable[tuple[str, str, object]]) -> None:
    """Change this process."""
    for name, attribute, value in patches:
        module = importlib.import_module(name)
        setattr(module, attribute, changed(getattr(module, attribute), value, (name, attribute)))


def changed(before: Any, value: Any, what: object) -> Any:
    """What replaces `before`. A default that is a dictionary itself holds the arguments of a timedelta."""
    if isinstance(before, Path):
        return Path(value)
    if not isinstance(value, dict):
        return value
    if is_dataclass(before):
        return replace(before, **value)
    defaults = before if isinstance(before, dict) else before.__kwdefaults__
    assert value.keys() <= defaults.keys(), (what, value)
    for key, one in value.items():
        if isinstance(one, dict):
            one = timedelta(**one) if defaults is not before else changed(defaults[key], one, what)
        defaults[key] = one
    return before
