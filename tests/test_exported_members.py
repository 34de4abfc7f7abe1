"""Every public package exports exactly what it lists, in order, and each of those names is documented."""

import importlib
import inspect

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
    assert ours <= set(package.__all__) <= set(vars(package))


@pytest.mark.parametrize("name", PACKAGES)
def test_every_exported_name_says_what_it_is(name):
    package = importlib.import_module(name)
    assert inspect.getdoc(package)
    for member in package.__all__:
        value = getattr(package, member)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), f"{name}.{member}"
