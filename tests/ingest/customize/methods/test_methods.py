"""The registry of methods: every one that plans know is there, with defaults for the embedded world."""

import pytest
from attribase.ingest import specs
from attribase.ingest.customize import METHODS, defaults_for
from attribase.ingest.customize.methods import find_method
from attribase.store import InvalidInputError


def test_the_settings_of_a_method_are_of_that_method():
    assert set(METHODS) <= set(specs.METHODS) - {"none"}
    for name, method in METHODS.items():
        assert method.name == method.config.method == name
        assert isinstance(defaults_for("world", name), method.config)
        assert method.learns_token <= specs.uses_token(name)


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(InvalidInputError, match="no method 'hypernetwork'") as error:
        find_method("hypernetwork")
    assert "captioned" in error.value.hint
