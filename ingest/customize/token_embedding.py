"""The embedding of V* while it trains: a parameter of its own, put into the text encoder's lookup by a hook.

So no other row of the table has a gradient or decays.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...store import InvalidInputError
from .kinds.loaded import LoadedGenerator, TokenEncoder
from .settings import CATEGORY


@contextmanager
def learned_token(
    generator: LoadedGenerator, word: str, category: str, count: int = 1
) -> Iterator[list[nn.Parameter]]:
    """A context in which V*'s `count` vectors have gradients, each from the embedding of `word`.

    Those of the second text encoder, if any, come after those of the first. Afterwards they are rows of the
    tables.
    """
    started = [(each, initial_embedding(each, word, category)) for each in generator.encoders]
    learned = [(each, [nn.Parameter(row.clone()) for _ in range(count)]) for each, row in started]
    with ExitStack() as hooks:
        for encoder, vectors in learned:
            hooks.enter_context(_embedded_as(encoder, vectors))
        yield [vector for _, vectors in learned for vector in vectors]
    for encoder, vectors in learned:
        for row, vector in zip(encoder.token_rows(count), vectors, strict=True):
            row.copy_(vector.detach())


def initial_embedding(encoder: TokenEncoder, word: str, category: str) -> Tensor:
    """(hidden,) the value that V* starts from: the mean embedding of the words' tokens."""
    text = category if word == CATEGORY else word
    ids = encoder.tokenizer(text, add_special_tokens=False).input_ids
    if not ids:
        raise InvalidInputError(f"the base has no token for {text!r}", hint="choose another `init_token`")
    return encoder.embedding.weight.detach()[ids].mean(0)


@contextmanager
def _embedded_as(encoder: TokenEncoder, vectors: Sequence[nn.Parameter]) -> Iterator[None]:
    """The text encoder looks V* up in `vectors` instead of its embedding table."""

    def replace(module: nn.Module, args: tuple[Any, ...], found: Tensor) -> Tensor:
        del module
        for place, vector in enumerate(vectors):
            is_token = (args[0] == encoder.token_id + place)[..., None]
            found = torch.where(is_token, vector.to(found.dtype), found)
        return found

    hook = encoder.embedding.register_forward_hook(replace)
    try:
        yield
    finally:
        hook.remove()
