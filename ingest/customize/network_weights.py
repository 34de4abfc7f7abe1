"""A whole network as the difference to the base's, in half precision, and back.

`DIGEST` is stored with the differences: the sha256 of the network that they give. Adding them to a base gives
that network bit by bit, or is an error.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...store import AttribaseError
from .kinds.loaded import LoadedGenerator
from .weights import STORED, misfit_error

DIGEST = "sha256"
SMALLEST = 1e-30
"""Weights below it count as zero in the digest: processors may flush numbers close to their smallest."""


@contextmanager
def trained_network(generator: LoadedGenerator) -> Iterator[list[nn.Parameter]]:
    """A context in which the whole network has gradients; `reset` puts the base's back."""
    _remember(generator)
    parameters = list(generator.network.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        yield parameters
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False).grad = None


@torch.no_grad()
def differences(generator: LoadedGenerator) -> dict[str, Tensor]:
    """What is to be added to the base's network, of the parameters that changed, and DIGEST.

    Afterwards the network in memory is what they give.

    Raises AttribaseError when training diverged or changed nothing.
    """
    stored = {}
    for name, parameter in generator.network.named_parameters():
        base = _remember(generator)[name]
        difference = (parameter.detach().float().cpu() - base).to(STORED)
        if not bool(difference.isfinite().all()):
            raise AttribaseError(
                "training diverged: the weights are not finite", hint="lower the learning rate"
            )
        if bool(difference.any()):
            stored[name] = difference.contiguous()
    if not stored:
        raise AttribaseError(
            "training changed no weight", hint="raise the learning rate or the number of iterations"
        )
    _add(generator, stored)
    return {**stored, DIGEST: _digest(generator)}


@torch.no_grad()
def add_differences(generator: LoadedGenerator, tensors: Mapping[str, Tensor]) -> None:
    """Make the base's network the one that `differences` were taken of, until `reset`.

    Raises InvalidInputError where that is not what they give: they belong to another base.
    """
    known = dict(generator.network.named_parameters())
    stored = {name: tensor for name, tensor in tensors.items() if name != DIGEST}
    odd = sorted(name for name in stored if name not in known or known[name].shape != stored[name].shape)
    if odd or DIGEST not in tensors:
        raise misfit_error(f"it has no parameter {odd[0]} of that shape" if odd else "there is no digest")
    _remember(generator)
    _add(generator, stored)
    if not _digest(generator).equal(tensors[DIGEST].cpu()):
        generator.reset()
        raise misfit_error("added to it they do not give the network that they were taken of")


def _remember(generator: LoadedGenerator) -> dict[str, Tensor]:
    """The base's parameters on the CPU, kept once; `reset` will put them back."""
    kept: dict[str, Tensor] | None = generator.cache.get("network")
    if kept is None:
        kept = {
            name: parameter.detach().cpu().clone() for name, parameter in generator.network.named_parameters()
        }
        generator.cache["network"] = kept
    if not generator.cache.get("changed"):
        generator.cache["changed"] = True
        generator.undo.callback(_put_back, generator)
    return kept


@torch.no_grad()
def _put_back(generator: LoadedGenerator) -> None:
    for name, parameter in generator.network.named_parameters():
        parameter.copy_(generator.cache["network"][name])
    generator.cache["changed"] = False


def _add(generator: LoadedGenerator, stored: Mapping[str, Tensor]) -> None:
    """The network as the base's plus `stored`."""
    base = _remember(generator)
    for name, parameter in generator.network.named_parameters():
        parameter.copy_(base[name] + stored[name].float() if name in stored else base[name])


def _digest(generator: LoadedGenerator) -> Tensor:
    """(32,) uint8."""
    found = hashlib.sha256()
    for name, parameter in generator.network.named_parameters():
        value = parameter.detach().float().cpu().contiguous()
        value = torch.where(value.abs() < SMALLEST, torch.zeros_like(value), value)
        found.update(name.encode())
        found.update(value.numpy().tobytes())
    return torch.frombuffer(bytearray(found.digest()), dtype=torch.uint8)
