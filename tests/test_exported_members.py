"""Every public package exports exactly what it lists, in order, and each of those names is documented."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

PACKAGES = (
    "attribase",
    "attribase.store",
    "attribase.runtime",
    "attribase.ingest.images",
    "attribase.ingest.release",
    "attribase.ingest.customize",
    "attribase.ingest.sample",
    "attribase.ingest.encoders",
    "attribase.ingest.embed",
    "attribase.ingest.world",
    "attribase.train",
    "attribase.query",
    "attribase.query.report",
    "attribase.query.service",
)


@pytest.mark.parametrize("name", PACKAGES)
def test_all_imports_are_exported(name):
    package = importlib.import_module(name)
    ours = {
        member
        for member, value in vars(package).items()
        if getattr(value, "__module__", "").startswith("attribase") and not member.startswith("_")
    }
    assert ours <= set(package.__all__) == {name for name in package.__all__ if hasattr(package, name)}


@pytest.mark.parametrize("name", ["attribase", "attribase.store", "attribase.query"])
def test_a_stub_lists_what_its_package_loads_on_demand(name):
    package = importlib.import_module(name)
    stub = Path(package.__file__).with_suffix(".pyi").read_text()
    (listed,) = re.findall(r"__all__ = (\[[^]]*\])", stub)
    assert ast.literal_eval(listed) == package.__all__


@pytest.mark.parametrize("name", PACKAGES)
def test_every_exported_name_says_what_it_is(name):
    package = importlib.import_module(name)
    assert inspect.getdoc(package)
    for member in package.__all__:
        value = getattr(package, member)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), f"{name}.{member}"
