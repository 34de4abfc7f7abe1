"""diffusers and transformers draw bars and print reports while they load; only our command line draws."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Errors only, and no bars, from both libraries."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import diffusers
    import transformers

    loggings = diffusers.utils.logging, transformers.utils.logging
    before = [(logging.get_verbosity(), logging.is_progress_bar_enabled()) for logging in loggings]
    for logging in loggings:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    try:
        yield
    finally:
        for logging, (verbosity, bar) in zip(loggings, before, strict=True):
            logging.set_verbosity(verbosity)
            if bar:
                logging.enable_progress_bar()
