"""Reading a map from its state dict: the kind is recognised by the keys."""

from __future__ import annotations

import re

import numpy as np

from ..store.errors import InvalidInputError
from .composed_maps import (
    BANK,
    BIAS_WEIGHT,
    BIASED,
    BLOCK_WEIGHTS,
    DIM_IN,
    NEIGHBOURS,
    SPANS,
    BiasedImageMapper,
    BiasedSampleMapper,
    Block,
    BlocksMapper,
    block_prefix,
)
from .mapper_kinds import (
    BLOCK,
    Array,
    ChannelMapper,
    FeatureMap,
    Layer,
    LinearMapper,
    MlpMapper,
    State,
)

COUNTER = "num_batches_tracked"  # of BatchNorm; plays no part in evaluation
NORM = ("running_mean", "running_var", "weight", "bias")


def mapper_from_state(state: State) -> FeatureMap:
    """The map with this state dict, its kind recognised by the keys.

    linear: `weight`, `bias`. channel: `weights`. MLP: a Sequential of Linear, BatchNorm1d, ReLU, Dropout a
    layer, the last one without the latter two: `0.weight`, `1.running_mean`, ..., `4.weight`, ...

    Maps that contain others have the inner maps' states under prefixes: see `composed_maps`.

    Raises InvalidInputError for other keys, shapes that do not fit each other, and values not finite.
    """
    for name, part in state.items():
        if not np.isfinite(part).all():
            raise InvalidInputError(f"{name} has NaN or infinite values", hint="get the weights again")
    if set(state) == {"weight", "bias"}:
        return LinearMapper(state["weight"], state["bias"])
    if set(state) == {"weights"}:
        return ChannelMapper(state["weights"])
    if SPANS in state:
        return _blocks(state)
    if BIAS_WEIGHT in state:
        return _with_bias(state)
    return _mlp(state)


def _mlp(state: State) -> MlpMapper:
    modules: dict[int, dict[str, Array]] = {}
    for name, part in state.items():
        match = re.fullmatch(r"(\d{1,4})\.(\w+)", name)
        known = ("weight", "bias") if match and int(match[1]) % BLOCK == 0 else (*NORM, COUNTER)
        if not match or int(match[1]) % BLOCK > 1 or match[2] not in known:
            raise _unknown(state)
        modules.setdefault(int(match[1]), {})[match[2]] = part
    count = 1 + max(modules, default=0) // BLOCK
    layers = []
    for place in range(0, BLOCK * count, BLOCK):
        linear, norm = modules.get(place, {}), modules.get(place + 1)
        if "weight" not in linear or (norm and not {"running_mean", "running_var"} <= set(norm)):
            raise _unknown(state)
        kept = {name: part for name, part in norm.items() if name != COUNTER} if norm else None
        layers.append(Layer(linear["weight"], linear.get("bias"), kept))
    return MlpMapper(tuple(layers))


def _blocks(state: State) -> BlocksMapper:
    """Raises InvalidInputError unless every block has a span, a weight and a map."""
    count = len(state[SPANS])
    if not {BLOCK_WEIGHTS, DIM_IN} <= set(state) or len(state[BLOCK_WEIGHTS]) != count:
        raise _unknown(state)
    blocks = tuple(
        Block(int(start), int(stop), mapper_from_state(_under(block_prefix(place), state)), float(weight))
        for place, ((start, stop), weight) in enumerate(zip(state[SPANS], state[BLOCK_WEIGHTS], strict=True))
    )
    return BlocksMapper(blocks, int(state[DIM_IN][0]))


def _with_bias(state: State) -> FeatureMap:
    inner, weight = mapper_from_state(_under(BIASED, state)), float(state[BIAS_WEIGHT][0])
    if BANK not in state:
        return BiasedSampleMapper(inner, weight)
    if NEIGHBOURS not in state:
        raise _unknown(state)
    return BiasedImageMapper(inner, weight, state[BANK], int(state[NEIGHBOURS][0]))


def _under(prefix: str, state: State) -> dict[str, Array]:
    """The state of an inner map, its prefix removed."""
    return {name.removeprefix(prefix): part for name, part in state.items() if name.startswith(prefix)}


def _unknown(state: State) -> InvalidInputError:
    return InvalidInputError(
        f"these are no mapper's keys: {', '.join(sorted(state)) or 'none'}",
        hint="a mapper is linear (weight, bias), channel (weights) or an MLP (0.weight, 1.running_mean, ...)",
    )
