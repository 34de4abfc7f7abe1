"""Prompts as the text encoder reads them: V* has to be there, before the length at which prompts are cut."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...store import InvalidInputError
from ..specs import TOKEN, ModelSpec
from .placed import SAID

SMALL = ("very small ", "a far away ")
LARGE = ("zoomed in ", "close up ")
"""Words that a view of the augmentation 'resize' puts before its prompt, from diffusers' Custom Diffusion."""

_PREFIXES = {
    "resize": ("", *SMALL, *LARGE),
    "placed": ("", *(placement.prefix for placement in SAID)),
}


def check_prompts(
    folder: Path, specs: Iterable[ModelSpec], token: str, *, augment: str = "none", new: bool = True
) -> None:
    """Raise InvalidInputError for the first prompt of `specs` in which the text encoder would not see V*.

    A base cuts prompts at the length of its text encoder (77 tokens in Stable Diffusion): a V* behind that
    would not be trained, and samples would be drawn without it. Controls and captions have no V* on purpose.

    Args:
        folder: the base, of which only the tokenizer is loaded.
        specs: their training prompts and samples' prompts are checked.
        token: what V* becomes in prompts: one new token or several, or words of the base.
        augment: 'resize' and 'placed' put words before training prompts, which push V* back.
        new: whether `token` is new to the base.
    """
    tokenizer = _load_tokenizer(folder)
    names = token.split()
    if new and tokenizer.add_tokens(names) < len(names):
        raise token_taken_error(token)
    prefixes = _PREFIXES.get(augment, ("",))
    for spec in specs:
        if not spec.holds_token:
            continue
        for prompt in spec.training_prompts:
            _check(tokenizer, token, prompt, prefixes, f"the training prompt {prompt!r} of {spec.concept!r}")
        for sample in spec.samples:
            _check(
                tokenizer, token, sample.prompt, ("",), f"the prompt {sample.prompt!r} of {spec.concept!r}"
            )


def token_taken_error(token: str) -> InvalidInputError:
    """The error for a name of V* that the base's vocabulary has already."""
    return InvalidInputError(
        f"the base's vocabulary already has the token {token}",
        hint="choose another modifier token: --modifier-token '<name>'",
    )


def _check(tokenizer: Any, token: str, prompt: str, prefixes: Sequence[str], name: str) -> None:
    if TOKEN not in prompt:
        raise InvalidInputError(f"{name} has no {TOKEN}", hint=f"write {TOKEN} where the concept belongs")
    length = tokenizer.model_max_length
    texts = [prefix + prompt[: prompt.index(TOKEN)] + token for prefix in prefixes]
    for ids in tokenizer(texts).input_ids:
        if len(ids) > length:
            raise InvalidInputError(
                f"{name} has {TOKEN} behind the {length} tokens that the text encoder reads",
                hint=f"shorten the prompt, or put {TOKEN} earlier",
            )


def _load_tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
