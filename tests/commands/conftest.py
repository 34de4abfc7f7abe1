"""The small synthetic stores and the small release of other folders, for the commands that read them."""

from ..ingest.release.conftest import copy, official  # noqa: F401
from ..query.conftest import fake, judged_once, made_once, small  # noqa: F401
from ..query.search.conftest import large, large_once  # noqa: F401
