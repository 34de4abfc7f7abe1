"""The small synthetic stores of tests/query, for the commands that read such a store."""

from ..query.conftest import fake, made_once, small  # noqa: F401
