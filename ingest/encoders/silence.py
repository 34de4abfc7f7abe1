"""Silence libraries that print, warn and draw bars while they load or convert a network."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def silence_loading() -> Iterator[None]:
    """Errors only, and no progress bars, from diffusers and transformers."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import diffusers
    import transformers

    libraries = diffusers.utils.logging, transformers.utils.logging
    before = [(one.get_verbosity(), one.is_progress_bar_enabled()) for one in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, (verbosity, bar) in zip(libraries, before, strict=True):
            library.set_verbosity(verbosity)
            if bar:
                library.enable_progress_bar()


@contextlib.contextmanager
def silence_conversion() -> Iterator[None]:
    """No warnings, no log records below an error and nothing on stdout: for exporters and quantizers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
