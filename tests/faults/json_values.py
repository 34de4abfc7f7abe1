"""Strategies for JSON values and for JSON documents with one part replaced."""

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

ODD_TEXTS = (
    "",
    " ",
    "V*",
    "\0",
    "\ud800",
    "a\nb",
    "é" * 300,
    "'; drop table images; --",
    "../../etc",
    "NaN",
    "none",
)
ODD_NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan"))

texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=20))
numbers = st.one_of(st.sampled_from(ODD_NUMBERS), st.integers(), st.floats())
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(texts, inner, max_size=4),
    ),
    max_leaves=8,
)


def paths(document: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every part of a document."""
    found = [before]
    if isinstance(document, dict):
        for key, value in document.items():
            found += paths(value, (*before, key))
    elif isinstance(document, list):
        for at, value in enumerate(document):
            found += paths(value, (*before, at))
    return found


@st.composite
def changed(draw: st.DrawFn, document: Any, most: int = 3) -> Any:
    """The document with some of its parts replaced, removed, or new ones beside them."""
    made = deepcopy(document)
    for _ in range(draw(st.integers(0, most))):
        *place, last = draw(st.sampled_from(paths(made)[1:] or [("",)]))
        parent = made
        for step in place:
            parent = parent[step]
        what = draw(st.sampled_from(("replace", "replace", "remove", "add")))
        if what == "remove" and last in (parent if isinstance(parent, dict) else range(len(parent))):
            del parent[last]
        elif what == "add" and isinstance(parent, dict):
            parent[draw(texts)] = draw(values)
        else:
            parent[last] = draw(values)
        if not isinstance(made, dict | list) or not made:
            break
    return made
